"""The page of a watch: is it running, is it sharp, what must I do?

It reads the journal through a connection of its own, in a process of its own, so that it can never delay the watch;
what people say on it goes into the station's inbox. It scores nothing, judges nothing and never writes to the journal
of a running station.
"""
