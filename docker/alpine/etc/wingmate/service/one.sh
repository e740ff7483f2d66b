#!/bin/sh
# A service stays in the foreground. A real one ends with the program itself: exec my-server --foreground
while sleep 10; do
	echo "one is alive, process $$"
done
