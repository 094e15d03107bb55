#!/usr/bin/env bash
# flite 2.2 (Debian 12's packages flite and libflite1, 2.2-5, unpacked into a temporary folder): -voice with a name that is none
# of the voices that -lv lists.
# Expected: a message, an exit code other than 0 and no file.
# Behaviour: it says nothing, speaks with its default voice, kal, and exits with 0: the file is, byte for byte, that of
# "-voice kal". So a mistyped voice is only to be heard. With the path of a voice file that does not exist it prints an error
# to stderr, but speaks with kal and exits with 0 too.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download flite=2.2-5 libflite1=2.2-5 >/dev/null 2>&1
for package in *.deb; do dpkg -x "$package" unpacked; done
libraries=$(dirname "$(find unpacked -name 'libflite.so.1')")
flite() { LD_LIBRARY_PATH="$libraries" unpacked/usr/bin/flite "$@"; }
voices=$(flite -lv)
echo "$voices"
[[ " ${voices#*:} " != *" nosuch "* ]]
flite -voice kal -t "hello there" -o kal.wav
flite -voice slt -t "hello there" -o slt.wav
said=$(flite -voice nosuch -t "hello there" -o nosuch.wav 2>&1) && code=0 || code=$?
echo "-voice nosuch: exit code $code, output '$said'"
[ "$code" = 0 ] && [ -z "$said" ]
cmp kal.wav nosuch.wav
if cmp -s slt.wav nosuch.wav; then exit 1; fi
said=$(flite -voice ./nosuch.flitevox -t "hello there" -o path.wav 2>&1) && code=0 || code=$?
echo "-voice ./nosuch.flitevox: exit code $code, output '$said'"
[ "$code" = 0 ] && [[ "$said" == *"can't open file ./nosuch.flitevox"* ]]
cmp kal.wav path.wav
echo "as described"
