"The soak's parts: a server with a script of events, readers that misbehave, and the check of what they got"
