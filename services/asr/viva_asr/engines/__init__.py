"""One module per engine; `viva_asr.engine` names them and imports only the chosen one."""
