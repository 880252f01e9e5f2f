"""What watches Viva: its service level objectives, and the dashboards and rules that are made from them."""
