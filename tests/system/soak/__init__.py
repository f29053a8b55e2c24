"The parts of the soak test: a server with a script of events, misbehaving readers, and the check of their logs"
