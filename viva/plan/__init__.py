"""How much of everything so many people need: a simulation of the turn, a search over it, and what that costs.

report.py reads what a load test measured, habits.py how people behave, nodes.py what a GPU does, prices.py what
things cost. simulation.py runs turns through the stages (clock.py, shared.py and waiting.py are its parts), search.py
finds the least that holds the objective, and plan.py puts the answer together.
"""
