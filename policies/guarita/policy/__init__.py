"""The policies that Guarita judges by: the gate's over findings, and (with the gateway) who may do what."""
