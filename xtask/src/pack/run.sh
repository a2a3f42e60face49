#!/bin/sh
# Tests and compares wgpu-rnn on this machine's GPU. It needs the GPU's driver, and nothing else; Python with torch or
# onnxruntime has more peers to compare with. All that the programs say, and the reports, are in RESULTS afterwards.
#
#   RESULTS  where they go                                          [./results]
#   STEPS    what to run   [info verify gpu-tests compare-forward compare-training]
#   PYTHON   the interpreter                                        [python3]
#   PEERS    arguments of both comparisons, such as `--rounds 5`    []
#   WGPU_BACKEND, WGPU_ADAPTER_NAME, VK_DRIVER_FILES   which adapter, and by which driver
set -u
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${RESULTS:=results}"
RESULTS=$(cd "$RESULTS" && pwd)
# The GPU tests find their fixtures beside the manifest.
export CARGO_MANIFEST_DIR="$here" WGPU_RNN_REQUIRE_GPU=1
# Mesa's Vulkan layer looks there for a display, and complains where it is not set.
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}"

if ! PATH="$PATH:/sbin" ldconfig -p | grep -q 'libvulkan\.so\.1'; then
    mkdir -p "$here/loader/unpacked"
    dpkg-deb -x "$here"/loader/*.deb "$here/loader/unpacked"
    loader=$(find "$here/loader/unpacked" -name libvulkan.so.1 -exec dirname {} \;)
    export LD_LIBRARY_PATH="$loader${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fi

failed=0
# step NAME SECONDS COMMAND...
step() {
    name=$1
    limit=$2
    shift 2
    case " ${STEPS:-info verify gpu-tests compare-forward compare-training} " in
    *" $name "*) ;;
    *) return ;;
    esac
    begin=$(date +%s)
    timeout -k 10 "$limit" "$@" >"$RESULTS/$name.log" 2>&1
    status=$?
    echo "$name: status $status, $(($(date +%s) - begin)) of $limit s" | tee -a "$RESULTS/steps.log"
    [ "$status" = 0 ] || failed=1
}

: >"$RESULTS/steps.log"
compare() {
    # shellcheck disable=SC2086 # PEERS is several words
    step "$1" 1500 "$here/bin/peers" compare --out "$RESULTS" --python "${PYTHON:-python3}" $2 ${PEERS:-}
}
step info 60 "$here/bin/wgpu-rnn" info
step verify 600 "$here/bin/wgpu-rnn" verify "$here/tests/fixtures/pytorch"
step gpu-tests 1500 "$here/bin/gpu-tests"
compare compare-forward ""
compare compare-training --backward
exit "$failed"
