#!/bin/sh
# Writes a text into a frame: make-banner FILE TEXT
set -eu

line=$(printf '%s' "$2" | sed 's/./*/g')
printf '***%s***\n*  %s  *\n***%s***\n' "$line" "$2" "$line" > "$1"
