#!/usr/bin/env bash
# festival 2.5.0 (Debian 12's packages festival, 1:2.5.0-9, and festvox-us-slt-hts, unpacked into a temporary folder): the speed
# of speech, (Parameter.set 'Duration_Stretch ...), with the HTS voice cmu_us_slt_arctic_hts and, to compare, kal_diphone.
# Expected: 0.75 and 1.33 speak faster and slower, as with kal_diphone; at the least a message that this voice does not.
# Behaviour: with the HTS voice the files of 0.75, 1 and 1.33 are equal, byte for byte, and nothing is said; the voice's own
# files set the parameter to 1, as if it counted. hts_duration_stretch, which festival's hts.scm defines, changes nothing
# either. What does is the option -r of hts_engine, a speed and not a length: (list "-r" 1.33) in hts_engine_params is faster,
# 0.75 slower. So one text spoken at several speeds, to have more data for training, is the same clip several times.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download festival=1:2.5.0-9 libestools2.5 festvox-us-slt-hts=0.2010.10.25-4 festvox-kallpc16k=2.4-1 festlex-cmu \
    festlex-poslex libasound2 libpulse0 libsndfile1 libx11-xcb1 libx11-6 libxcb1 libasyncns0 libflac12 libvorbis0a \
    libvorbisenc2 libopus0 libogg0 libmpg123-0 libmp3lame0 libxau6 libxdmcp6 libbsd0 libmd0 libgomp1 libdbus-1-3 >/dev/null 2>&1
for package in *.deb; do dpkg -x "$package" unpacked; done
libraries=$(dirname "$(find unpacked -name 'libestools.so.2.5')")
export HOME="$folder"
festival() {
    LD_LIBRARY_PATH="$libraries:$libraries/pulseaudio" unpacked/usr/bin/festival --libdir unpacked/usr/share/festival "$@"
}
festival --version
cat > speeds.scm <<'SCHEME'
(define (say name)
  (utt.save.wave (utt.synth (Utterance Text "hello there, how are you")) name 'riff))
(define (stretch factor name)
  (Parameter.set 'Duration_Stretch factor)
  (say name))
(voice_kal_diphone)
(stretch 0.75 "kal-0.75.wav")
(stretch 1 "kal-1.wav")
(stretch 1.33 "kal-1.33.wav")
(voice_cmu_us_slt_arctic_hts)
(stretch 0.75 "hts-0.75.wav")
(stretch 1 "hts-1.wav")
(stretch 1.33 "hts-1.33.wav")
(set! hts_duration_stretch 0.5)
(say "hts-own.wav")
(set! given hts_engine_params)
(set! hts_engine_params (cons (list "-r" 1.33) given))
(say "hts-r1.33.wav")
(set! hts_engine_params (cons (list "-r" 0.75) given))
(say "hts-r0.75.wav")
SCHEME
said=$(festival -b speeds.scm 2>&1)
echo "festival said '$said'"
[ -z "$said" ]
wc -c *.wav
size() { stat -c %s "$1.wav"; }
[ "$(size kal-0.75)" -lt "$(size kal-1)" ] && [ "$(size kal-1)" -lt "$(size kal-1.33)" ]
for name in 0.75 1.33 own; do cmp hts-1.wav "hts-$name.wav"; done
[ "$(size hts-r1.33)" -lt "$(size hts-1)" ] && [ "$(size hts-1)" -lt "$(size hts-r0.75)" ]
echo "as described"
