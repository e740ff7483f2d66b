#!/bin/sh
# Leaves processes behind whose parent has gone: process 1 inherits them, and has to reap them.
while sleep 5; do
	(sleep 1 &)
done
