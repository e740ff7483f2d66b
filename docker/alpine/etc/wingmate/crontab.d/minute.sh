#!/bin/sh
echo "a minute begins: $(date '+%H:%M:%S')"
