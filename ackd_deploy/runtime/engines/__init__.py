"""The engines that run a graph, behind one interface."""
