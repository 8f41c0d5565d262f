#!/bin/sh
# Fetch a data set that does not come with crew: from a Debian package where apt is at hand (nothing is
# installed, no root needed), else from its home. Contents are checked against SHA-256 sums.
#     datasets/fetch.sh                 what there is
#     datasets/fetch.sh NAME [FOLDER]   put it into FOLDER, by default this script's
set -eu

list() {
    cat <<'END'
fashion-mnist  pieces of clothing, 60000 + 10000 rows of 28 x 28 pixels, 10 classes, 30 MB
cifar-10       colour photographs, 50000 + 10000 rows of 32 x 32 x 3 pixels, 10 classes, 170 MB
cifar-100      the same shape and number, 100 classes, 169 MB
letter         printed capital letters, 16000 + 4000 rows of 16 features, 26 classes, 0.7 MB (package: 96 MB)
heart          heart disease, 270 rows of 13 features, 2 classes, 28 KB
END
}

fail() {
    echo "fetch.sh: $*" >&2
    exit 1
}

# Unpack Debian package $1 into $tmp/deb.
debian() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
    echo "trying the Debian package $1" >&2
    (cd "$tmp" && apt-get download "$1" >apt.log 2>&1) || return 1
    dpkg-deb -x "$tmp/$1"_*.deb "$tmp/deb"
}

# Load URL $1 into file $2.
load() {
    echo "trying $1" >&2
    if command -v curl >/dev/null; then
        curl -fsSL --retry 2 --connect-timeout 20 -o "$2" "$1"
    elif command -v wget >/dev/null; then
        wget -q -T 20 -t 3 -O "$2" "$1"
    else
        fail "needs apt-get, curl or wget"
    fi
}

sum() {
    if command -v sha256sum >/dev/null; then
        sha256sum
    else
        shasum -a 256
    fi | cut -d ' ' -f 1
}

# File $1, unpacked if it ends in .gz, must have the SHA-256 sum $2.
check() {
    case $1 in
    *.gz) got=$(gzip -dc "$1" | sum) ;;
    *) got=$(sum <"$1") ;;
    esac
    [ "$got" = "$2" ] || fail "$(basename "$1") has the SHA-256 sum $got, must have $2"
}

# Where the packages put it, or the URL that has it: into file $4.
#     get PACKAGE PATH-IN-PACKAGE URL FILE
get() {
    if [ -r "/$2" ]; then
        cp "/$2" "$4"
    elif [ -r "$tmp/deb/$2" ] || debian "$1"; then
        cp "$tmp/deb/$2" "$4"
    else
        load "$3" "$4" || fail "$name could not be fetched: neither the Debian package $1 nor $3 can be reached"
    fi
}

fashion_mnist() {
    home=http://fashion-mnist.s3-website.eu-central-1.amazonaws.com
    mkdir "$tmp/fashion-mnist"
    while read -r file want; do
        get dataset-fashion-mnist "usr/share/datasets/fashion-mnist/$file" "$home/$file" \
            "$tmp/fashion-mnist/$file"
        check "$tmp/fashion-mnist/$file" "$want"
    done <<'END'
train-images-idx3-ubyte.gz c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888
train-labels-idx1-ubyte.gz bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9
t10k-images-idx3-ubyte.gz 5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b
t10k-labels-idx1-ubyte.gz 0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34
END
    result=fashion-mnist
}

# File $1 must have $2 bytes, as its home documents: records of a label or two and 3072 pixels.
size() {
    got=$(wc -c <"$1")
    [ "$got" -eq "$2" ] || fail "$(basename "$1") has $got bytes, must have $2"
}

# The data set $name, whose archive has the folder $1: its files and their sizes come from standard input, then
# texts without a size. No sums are published but of the archive, so crew checks the records when it reads them.
cifar() {
    home=https://www.cs.toronto.edu/~kriz
    load "$home/$name-binary.tar.gz" "$tmp/all.tar.gz" || fail "$name could not be fetched from $home"
    tar -xzf "$tmp/all.tar.gz" -C "$tmp" || fail "$name-binary.tar.gz is damaged"
    mkdir "$tmp/$name"
    while read -r file want; do
        [ -f "$tmp/$1/$file" ] || fail "$name-binary.tar.gz has no $1/$file"
        [ -z "$want" ] || size "$tmp/$1/$file" "$want"
        mv "$tmp/$1/$file" "$tmp/$name/"
    done
    result=$name
}

cifar_10() {
    cifar cifar-10-batches-bin <<'END'
data_batch_1.bin 30730000
data_batch_2.bin 30730000
data_batch_3.bin 30730000
data_batch_4.bin 30730000
data_batch_5.bin 30730000
test_batch.bin 30730000
batches.meta.txt
END
}

cifar_100() {
    cifar cifar-100-binary <<'END'
train.bin 153700000
test.bin 30740000
fine_label_names.txt
coarse_label_names.txt
END
}

letter() {
    get opencv-doc usr/share/doc/opencv-doc/examples/data/letter-recognition.data \
        https://archive.ics.uci.edu/ml/machine-learning-databases/letter-recognition/letter-recognition.data \
        "$tmp/all.csv"
    check "$tmp/all.csv" 2b89f3602cf768d3c8355267d2f13f2417809e101fc2b5ceee10db19a60de6e2
    mkdir "$tmp/letter"
    header=label,x-box,y-box,width,high,onpix,x-bar,y-bar,x2bar,y2bar,xybar,x2ybr,xy2br,x-ege,xegvy,y-ege,yegvx
    { echo "$header" && head -n 16000 "$tmp/all.csv"; } >"$tmp/letter/train.csv" # split: its authors'
    { echo "$header" && tail -n 4000 "$tmp/all.csv"; } >"$tmp/letter/test.csv"
    result=letter
}

heart() {
    get liblinear-tools usr/share/doc/liblinear-tools/examples/heart_scale \
        https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/binary/heart_scale "$tmp/heart.libsvm"
    check "$tmp/heart.libsvm" 5defa0a4c4c5bdaf3f55ae3828310252e8565c13ee37ce279e0b86d82e7f4ce9
    result=heart.libsvm
}

[ $# -ge 1 ] || {
    list
    exit 0
}
[ $# -le 2 ] || fail "usage: fetch.sh [NAME [FOLDER]]"
name=$1
folder=${2:-$(dirname "$0")}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

mkdir -p "$folder"
case $name in
fashion-mnist) fashion_mnist ;;
cifar-10) cifar_10 ;;
cifar-100) cifar_100 ;;
letter) letter ;;
heart) heart ;;
*)
    echo "fetch.sh: there is no data set $name; there are:" >&2
    list >&2
    exit 2
    ;;
esac
rm -rf "${folder:?}/$result"
mv "$tmp/$result" "$folder/$result"
chmod -R a+rX "$folder/$result"
echo "$name is in $folder/$result"
