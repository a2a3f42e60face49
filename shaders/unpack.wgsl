// unpack.wgsl: the gradient of one tensor, from the layout of the packed weights to PyTorch's.
// Math:  out[gate * H + unit, k] = packed[first + k * row_stride + unit * unit_stride + lanes[gate]]
// Grid:  x: units / INVOCATIONS, y: columns k / COLUMNS, z: gates; one invocation owns COLUMNS columns of a unit
// Binds: 0 params · 1 packed read · 2 out rw
// Consts: INVOCATIONS, COLUMNS (kernels/unpack.rs)     Needs: WebGPU defaults
// Floor: reads and writes the tensor once
// Why this shape: neighbouring invocations read neighbouring words, and each writes along a row.

struct UnpackParams {
    units: u32,       // H; outputs of a projection
    columns: u32,     // K
    first: u32,       // places count f32
    row_stride: u32,
    unit_stride: u32,
    out: u32,         // where the tensor begins in out
    accumulate: u32,  // 1: added to what is there, 0: it takes its place
    lanes: array<u32, 4>,
}

@group(0) @binding(0) var<storage, read> params: UnpackParams;
@group(0) @binding(1) var<storage, read> packed: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let unit = group.x * INVOCATIONS + local;
    let gate = group.z;
    if (unit >= params.units) {
        return;
    }
    let source = params.first + unit * params.unit_stride + params.lanes[gate];
    let row = params.out + (gate * params.units + unit) * params.columns;
    let end = min((group.y + 1u) * COLUMNS, params.columns);
    for (var k = group.y * COLUMNS; k < end; k++) {
        let before = select(0.0, out[row + k], params.accumulate == 1u);
        out[row + k] = before + packed[source + k * params.row_stride];
    }
}
