//! What a launch covers, what it has to cover, and how long its busiest invocation loops: read off the shaders, not off
//! what the planner asks the kernels.

use bytemuck::AnyBitPattern;
use wgpu_rnn::kernels::{
    BackwardParams, DOutput, Gather, GatherParams, Gradient, GradientParams, Input, Kernel, Matmul,
    MatmulParams, Of, Phase, Phases, RecurrenceParams, SequenceBackward, StepBackward,
    TransposeParams, UnpackParams,
};
use wgpu_rnn::run::{Dispatch, Program};
use wgpu_rnn::{Cell, DeviceCaps, LayerSizes};

/// Entries of the clock.
const MOST_TICKS: u32 = 4096;

/// What one workgroup takes along each side of the grid, how much there is, and the loop iterations of an invocation.
struct Work {
    tile: [u64; 3],
    needed: [u64; 3],
    iterations: u64,
}

/// The parameters of a dispatch.
pub fn params_of<P: AnyBitPattern, R>(program: &Program<R>, dispatch: &Dispatch<R>) -> P {
    read(&program.params[dispatch.params_offset as usize..])
}

fn read<P: AnyBitPattern>(params: &[u8]) -> P {
    bytemuck::pod_read_unaligned(&params[..size_of::<P>()])
}

/// A constant that Rust printed for the shader.
fn constant(kernel: &Kernel, name: &str) -> u64 {
    let source = kernel.source();
    let line = source.lines().find_map(|line| line.strip_prefix(&format!("const {name} = ")));
    line.unwrap().trim_end_matches("u;").parse().unwrap()
}

/// The parameters lie apart from each other, where a storage binding may begin.
pub fn check_params<R>(program: &Program<R>, caps: &DeviceCaps) {
    let mut free = 0;
    for Dispatch { kernel, params_offset, .. } in &program.dispatches {
        assert_eq!(params_offset % caps.min_storage_buffer_offset_alignment, 0);
        assert!(*params_offset >= free, "parameters overlap");
        free = params_offset + kernel.params_bytes();
        assert!(free as usize <= program.params.len());
    }
}

/// A launch, and that of its second phase, is inside the limits and covers its work. `slices` are those of kernels
/// whose parameters do not tell.
pub fn check_launch<R: PartialEq>(
    program: &Program<R>,
    dispatch: &Dispatch<R>,
    caps: &DeviceCaps,
    sizes: &LayerSizes,
    slices: u64,
) {
    let Dispatch { kernel, grid, second, roles, params_offset, repeat } = dispatch;
    assert!((1..=MOST_TICKS).contains(repeat) && (*repeat == 1 || kernel.has_clock()));
    for (kernel, grid) in [(*kernel, *grid)].into_iter().chain(*second) {
        let name = || kernel.name();
        let side = caps.max_compute_workgroups_per_dimension;
        assert!(grid.iter().all(|n| (1..=side).contains(n)), "{}: {grid:?}", name());
        assert!(kernel.workgroup_bytes() <= caps.max_compute_workgroup_storage_size, "{}", name());
        assert!(kernel.invocations() <= caps.max_compute_invocations_per_workgroup, "{}", name());
        assert_eq!(kernel.params_bytes(), dispatch.kernel.params_bytes(), "{}", name());
        assert_eq!(kernel.bindings(), dispatch.kernel.bindings(), "{}", name());
        let buffers = 1 + roles.len() + usize::from(kernel.has_clock());
        assert!(
            buffers <= caps.max_storage_buffers_per_shader_stage as usize,
            "{}: {buffers}",
            name()
        );
        let Work { tile, needed, iterations } =
            work(&kernel, &program.params[*params_offset as usize..], sizes, slices);
        for ((groups, tile), needed) in grid.iter().zip(tile).zip(needed) {
            // A kernel has no look at whether it is beyond what comes one by one.
            let expected = needed.div_ceil(tile);
            let is_enough = if tile == 1 {
                u64::from(*groups) == needed
            } else {
                u64::from(*groups) >= expected
            };
            assert!(is_enough, "{}: {grid:?} of {tile} for {needed}", name());
        }
        let most = caps.max_loop_iterations;
        assert!(iterations <= most, "{}: {iterations} iterations, {most} are allowed", name());
    }
    assert_eq!(roles.len(), kernel.bindings().len());
}

fn work(kernel: &Kernel, params: &[u8], sizes: &LayerSizes, slices: u64) -> Work {
    let h = sizes.hidden_size as u64;
    match kernel {
        Kernel::Gather(_) => {
            let params: GatherParams = read(params);
            let [columns, rows] = [Gather::INVOCATIONS, Gather::ROWS].map(u64::from);
            let needed = [params.row_size, params.rows, params.num_slices].map(u64::from);
            Work { tile: [columns, rows, 1], needed, iterations: rows }
        }
        Kernel::Matmul(kernel) => {
            let params: MatmulParams = read(params);
            let tile = [kernel.tile.n, kernel.tile.m, 1].map(u64::from);
            let needed = [params.columns, params.rows, params.num_slices].map(u64::from);
            Work { tile, needed, iterations: matmul(kernel, params.inner.into()) }
        }
        Kernel::Step(kernel) => {
            let params: RecurrenceParams = read(params);
            let units = u64::from(kernel.units * kernel.units_per_invocation);
            let inputs = params.slices[..params.num_slices as usize].iter();
            let widest = match kernel.input {
                Input::Hoisted => 0,
                Input::Fused => inputs.map(|slice| slice.input_size).max().unwrap(),
            };
            let columns = match (kernel.phase, kernel.cell.phases) {
                (Phase::Second, Phases::Projection) => (sizes.proj_size as u64).div_ceil(4),
                _ => h,
            };
            let needed = [columns, params.batch.into(), params.num_slices.into()];
            let iterations = kernel.iterations(h + u64::from(widest));
            Work { tile: [units, kernel.rows.into(), 1], needed, iterations }
        }
        Kernel::Sequence(kernel) => {
            let params: RecurrenceParams = read(params);
            assert!(u64::from(kernel.capacity()) >= h);
            let needed = [params.batch, params.num_slices, 1].map(u64::from);
            let iterations = kernel.step_iterations(h) * u64::from(params.num_steps);
            Work { tile: [kernel.rows.into(), 1, 1], needed, iterations }
        }
        Kernel::Transpose(_) => {
            let params: TransposeParams = read(params);
            let rows = params.recurrent_size + params.has_peepholes;
            let tile = [kernel.invocations().into(), constant(kernel, "ROWS"), 1];
            let needed = [params.hidden_size.into(), rows.into(), slices];
            Work { tile, needed, iterations: tile[1] }
        }
        Kernel::CellStates(_) => {
            let params: BackwardParams = read(params);
            let needed = [h, params.batch.into(), slices];
            let tile = [kernel.invocations().into(), 1, 1];
            Work { tile, needed, iterations: params.num_steps.into() }
        }
        Kernel::ResetStates(_) => {
            let params: BackwardParams = read(params);
            let rows = u64::from(params.num_steps) * u64::from(params.batch);
            let tile = [kernel.invocations().into(), constant(kernel, "ROWS"), 1];
            Work { tile, needed: [h, rows, params.num_slices.into()], iterations: tile[1] }
        }
        Kernel::PeepholeGradient(_) => {
            let params: BackwardParams = read(params);
            let iterations = u64::from(params.num_steps) * u64::from(params.batch);
            let needed = [h, params.num_slices.into(), 1];
            Work { tile: [kernel.invocations().into(), 1, 1], needed, iterations }
        }
        Kernel::StepBackward(kernel) => {
            let params: BackwardParams = read(params);
            let columns = match kernel.phase {
                Phase::First => sizes.recurrent_size() as u64,
                Phase::Second => h,
            };
            let units = u64::from(kernel.units * kernel.units_per_invocation);
            let needed = [columns, params.batch.into(), slices];
            let iterations = step_backward(kernel, sizes);
            Work { tile: [units, kernel.rows.into(), 1], needed, iterations }
        }
        Kernel::SequenceBackward(kernel) => {
            let params: BackwardParams = read(params);
            assert!(u64::from(kernel.units * kernel.units_per_invocation) >= h);
            let needed = [params.batch, params.num_slices, 1].map(u64::from);
            let iterations = sequence_backward(kernel, sizes, params.num_steps.into());
            Work { tile: [kernel.rows.into(), 1, 1], needed, iterations }
        }
        Kernel::Gradient(kernel) => {
            let params: GradientParams = read(params);
            let tile = [kernel.tile.n, kernel.tile.m, 1].map(u64::from);
            let needed = match kernel.of {
                Of::Weights => [params.columns, params.ones + params.inner, params.num_slices],
                Of::Input => [params.inner, params.rows, 1],
            };
            let iterations = gradient(kernel, &params);
            Work { tile, needed: needed.map(u64::from), iterations }
        }
        Kernel::Unpack(_) => {
            let params: UnpackParams = read(params);
            let tile = [kernel.invocations().into(), constant(kernel, "COLUMNS"), 1];
            let needed = [params.units.into(), params.columns.into(), slices];
            Work { tile, needed, iterations: tile[1] }
        }
        Kernel::Map(_) | Kernel::Softmax(_) | Kernel::PickLast(_) => {
            panic!("{} is a stage of its own, in no program of layers", kernel.name())
        }
    }
}

/// Words of a quad of k, of which `accumulate` of product.wgsl takes one at a time.
fn quad_words(cell: Cell) -> u64 {
    if cell == Cell::Rnn { 4 } else { 1 }
}

/// Words of a row that the second product of a step works on.
fn second_words(phases: Phases, sizes: &LayerSizes) -> u64 {
    match phases {
        Phases::Whole => 0,
        Phases::Reset => sizes.hidden_size as u64,
        Phases::Projection => (sizes.recurrent_size() as u64).div_ceil(4),
    }
}

fn step_backward(kernel: &StepBackward, sizes: &LayerSizes) -> u64 {
    let [rows, each, units, tile] =
        [kernel.rows, kernel.units_per_invocation, kernel.units, StepBackward::TILE_WORDS]
            .map(u64::from);
    let quad = quad_words(kernel.cell.cell);
    let words = match kernel.phase {
        Phase::First => sizes.hidden_size as u64,
        Phase::Second => second_words(kernel.cell.phases, sizes),
    };
    let tiles = (0..words.div_ceil(tile)).map(|at| {
        let count = tile.min(words - at * tile);
        let staged = (rows * count.next_multiple_of(quad)).div_ceil(units);
        1 + staged + count.div_ceil(quad)
    });
    // In a wave the longest row is sought again, for a second product.
    let products = if kernel.d_output == DOutput::Above { 2 } else { 1 };
    // The longest row, the products, and every unit of every row, of which one may fill up a quad.
    products * (rows + tiles.sum::<u64>()) + each * (1 + rows) + 3 * rows
}

fn sequence_backward(kernel: &SequenceBackward, sizes: &LayerSizes, steps: u64) -> u64 {
    let [rows, each] = [kernel.rows, kernel.units_per_invocation].map(u64::from);
    let quad = quad_words(kernel.cell.cell);
    let product = (sizes.hidden_size as u64).div_ceil(quad) + rows * each;
    let all_units = each * (1 + rows);
    let step = match kernel.cell.phases {
        Phases::Whole => all_units,
        phases => {
            let second = second_words(phases, sizes).div_ceil(quad);
            2 * all_units + 3 * rows + rows + second
        }
    };
    // The first step of the dispatch has no product before it, but there is one after the last.
    rows + 2 * all_units + steps * (1 + product + step)
}

fn matmul(kernel: &Matmul, inner: u64) -> u64 {
    let [m, n, k] = [kernel.tile.m, kernel.tile.n, kernel.tile.k].map(u64::from);
    let [m_each, n_each] =
        [kernel.tile.m_per_invocation, kernel.tile.n_per_invocation].map(u64::from);
    let invocations = u64::from(kernel.invocations());
    let a_loads = m * (k / 4) / invocations;
    let tile = 1 + a_loads + (k * n).div_ceil(invocations) + k / 4;
    a_loads + 2 * n_each * (1 + m_each) + inner.div_ceil(k) * tile
}

fn gradient(kernel: &Gradient, params: &GradientParams) -> u64 {
    let [m, n, k] = [kernel.tile.m, kernel.tile.n, kernel.tile.k].map(u64::from);
    let [m_each, n_each] =
        [kernel.tile.m_per_invocation, kernel.tile.n_per_invocation].map(u64::from);
    let invocations = u64::from(kernel.invocations());
    let staged = |elements: u64| elements.div_ceil(invocations);
    match kernel.of {
        Of::Weights => {
            let steps = (k - 1).div_ceil(params.batch.into()) + 1;
            let tile = 1 + staged(k * m / 4) + staged(k * n) + k + steps.min(k);
            2 * n_each * (1 + m_each) + u64::from(params.rows).div_ceil(k) * tile
        }
        Of::Input => {
            let tile = 1 + staged(k * m) + staged(k * n) + k;
            m_each * (1 + n_each) + u64::from(params.columns).div_ceil(k) * tile
        }
    }
}
