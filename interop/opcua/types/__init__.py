"""Types both ways: DTDL to the types of OPC UA, and the types of OPC UA to DTDL."""
