//! What naga's view of every kernel must not show, beyond what the host's side can be compared with (reflection.rs).

mod rules;

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::LazyLock;
use std::thread;

use naga::valid::{Capabilities, GlobalUse, ModuleInfo, ValidationFlags, Validator};
use naga::{ArraySize, GlobalVariable, Handle, Module, ScalarKind, Type, TypeInner};
use wgpu_rnn::kernels::{self, Access, CellKernel, Kernel, Phase, Phases, StepBackward};
use wgpu_rnn::ndarray::{Array1, Array2};
use wgpu_rnn::pack::WeightLayout;
use wgpu_rnn::run::{BackwardRole, Dispatch, Program, Role, Wanted, tensors_of};
use wgpu_rnn::{
    Activation, Activations, Cell, CellOptions, DeviceCaps, Direction, Flavour, LayerSizes,
    LayerWeights, Options, Problem, Schedule, WeightFormat, Weights, plan, plan_backward,
};

struct Shader {
    kernel: Kernel,
    name: String,
    module: Module,
    info: ModuleInfo,
}

impl Shader {
    fn new(kernel: Kernel) -> Self {
        let (name, source) = (kernel.name(), kernel.source());
        let module = naga::front::wgsl::parse_str(&source)
            .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(&source)));
        let info = Validator::new(ValidationFlags::all(), Capabilities::SHADER_FLOAT16_IN_FLOAT32)
            .validate(&module)
            .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(&source)));
        Shader { kernel, name, module, info }
    }

    /// The storage variable at a binding, if the kernel uses it.
    fn used(&self, binding: u32) -> Option<&GlobalVariable> {
        let usage = self.info.get_entry_point(0);
        let is_it = |global: &GlobalVariable| {
            global.binding.is_some_and(|at| (at.group, at.binding) == (0, binding))
        };
        let mut globals = self.module.global_variables.iter();
        let found = globals.find(|(handle, global)| is_it(global) && !usage[*handle].is_empty());
        found.map(|(_, global)| global)
    }
}

/// All kernels, parsed and validated once, on all cores.
static SHADERS: LazyLock<Vec<Shader>> = LazyLock::new(|| {
    let kernels = kernels::all();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let shares = kernels.chunks(kernels.len().div_ceil(threads));
        let workers: Vec<_> = shares
            .map(|share| scope.spawn(|| share.iter().copied().map(Shader::new).collect::<Vec<_>>()))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
});

#[test]
fn no_rule_objects() {
    for shader in SHADERS.iter() {
        for rule in [rules::unbounded_loops, rules::builtin_tanh] {
            let objections = rule(&shader.module);
            assert!(objections.is_empty(), "{}: {}", shader.name, objections.join(", "));
        }
    }
}

/// A binding that nobody uses costs a barrier and hides a mistake; one that is only read need not be writable. The two
/// phases of a step are bound as one, so they count as one.
#[test]
fn every_binding_is_used_as_it_is_bound() {
    let mut used: HashMap<String, HashMap<u32, GlobalUse>> = HashMap::new();
    for shader in SHADERS.iter() {
        let usage = shader.info.get_entry_point(0);
        for name in launches_with(shader.kernel) {
            let used = used.entry(name).or_default();
            for (handle, global) in shader.module.global_variables.iter() {
                if let Some(at) = global.binding.filter(|at| at.group == 0) {
                    *used.entry(at.binding).or_insert(GlobalUse::empty()) |= usage[handle];
                }
            }
        }
    }
    for shader in SHADERS.iter() {
        for name in launches_with(shader.kernel) {
            for (binding, access) in shader.kernel.bindings() {
                if is_for_others(shader.kernel, binding) {
                    continue;
                }
                let usage = used[&name][&binding];
                assert!(!usage.is_empty(), "{name}: binding {binding} is unused");
                let is_written = usage.contains(GlobalUse::WRITE);
                assert_eq!(is_written, access == Access::ReadWrite, "{name}: binding {binding}");
            }
        }
    }
}

/// What all kernels that go back through time declare alike, though one has less use for it: `carry`, which the peepholes'
/// gradient only reads (backward_params.wgsl), and y, of which an LSTM whose h is projected needs nothing
/// (h_before.wgsl).
fn is_for_others(kernel: Kernel, binding: u32) -> bool {
    let is_projected = |cell: CellKernel| cell.phases == Phases::Projection;
    match kernel {
        Kernel::PeepholeGradient(_) => binding == 3,
        Kernel::StepBackward(kernel) => binding == 6 && is_projected(kernel.cell),
        Kernel::SequenceBackward(kernel) => binding == 6 && is_projected(kernel.cell),
        _ => false,
    }
}

/// The launches that a kernel is a part of, by the name of the first phase: all but a second phase are launched for
/// themselves, and a second phase follows one of either input.
fn launches_with(kernel: Kernel) -> Vec<String> {
    if let Kernel::StepBackward(step) = kernel {
        return vec![Kernel::StepBackward(StepBackward { phase: Phase::First, ..step }).name()];
    }
    let Kernel::Step(step) = kernel else { return vec![kernel.name()] };
    if step.cell.phases == Phases::Whole || step != step.second() {
        return vec![kernel.name()];
    }
    let firsts = SHADERS.iter().map(|shader| shader.kernel).filter(|first| match first {
        Kernel::Step(first) => first.second() == step && *first != step,
        _ => false,
    });
    firsts.map(|first| first.name()).collect()
}

/// The host binds buffers by roles; each role has an element type. Every kernel's code must have been seen, but for those
/// of inputs that are not features and of stages of their own.
#[test]
fn elements_are_what_the_roles_say() {
    let mut bound = Bound::new();
    for (problem, options) in problems() {
        for schedule in Schedule::ALL {
            let (caps, word) =
                (DeviceCaps::webgpu_defaults(), WeightLayout::new(problem.sizes).word_bytes());
            let forced = Options { schedule: Some(schedule), ..Default::default() };
            if let Ok(plan) = plan(&problem, &caps, &forced) {
                for dispatch in Program::new(&plan, &options, 256, 0).dispatches {
                    bound.see(&dispatch, |kernel, _, role| {
                        forward_element(kernel, role, word, problem.weight_format)
                    });
                }
            }
            if problem.weight_format != WeightFormat::F32 {
                continue;
            }
            if let Ok(plan) = plan_backward(&problem, &caps, &forced) {
                let wanted = Wanted { d_x: true, d_weights: true, accumulate: false };
                let tensors = tensors_of(&weights(&problem));
                for dispatch in Program::backward(&plan, &options, &tensors, wanted, 256).dispatches
                {
                    bound.see(&dispatch, |kernel, binding, role| {
                        backward_element(kernel, binding, role, word)
                    });
                }
            }
        }
    }
    let unseen: HashSet<String> = SHADERS
        .iter()
        .map(|shader| code(&shader.name))
        .filter(|code| !bound.seen.contains(code))
        .filter(|code| !OF_OTHERS.iter().any(|other| code.starts_with(other)))
        .collect();
    assert!(unseen.is_empty(), "in no program: {unseen:?}");
}

/// What the codes begin with of kernels that no program of layers from features has.
const OF_OTHERS: [&str; 6] = ["gather", "matmul_features", "map", "softmax", "log_softmax", "last"];

/// Bytes and kind of an element.
type Element = (u64, ScalarKind);

/// The kernels that programs bind, compared with what the programs' roles say.
struct Bound {
    shaders: HashMap<Kernel, &'static Shader>,
    /// The code of those seen.
    seen: HashSet<String>,
}

impl Bound {
    fn new() -> Self {
        let shaders = SHADERS.iter().map(|shader| (shader.kernel, shader)).collect();
        Bound { shaders, seen: HashSet::new() }
    }

    fn see<R: Debug>(
        &mut self,
        dispatch: &Dispatch<R>,
        expected: impl Fn(Kernel, u32, &R) -> Element,
    ) {
        let second = dispatch.second.map(|(kernel, _)| kernel);
        for kernel in [Some(dispatch.kernel), second].into_iter().flatten() {
            let shader = self.shaders[&kernel];
            let bindings = kernel.bindings();
            assert_eq!(bindings.len(), dispatch.roles.len(), "{}", shader.name);
            for ((binding, _), role) in bindings.into_iter().zip(&dispatch.roles) {
                // A second phase also declares what only the first has a use for.
                let Some(used) = shader.used(binding) else { continue };
                let expected = expected(kernel, binding, role);
                assert_eq!(element(shader, used.ty), expected, "{}: {role:?}", shader.name);
            }
            self.seen.insert(code(&shader.name));
        }
    }
}

/// A kernel's name without its sizes.
fn code(name: &str) -> String {
    let is_size = |part: &&str| {
        let digits = part.strip_prefix(['r', 'u']).unwrap_or(part);
        digits.starts_with(|first: char| first.is_ascii_digit())
    };
    name.split('_').filter(|part| !is_size(part)).collect::<Vec<_>>().join("_")
}

fn forward_element(kernel: Kernel, role: &Role, word: u64, format: WeightFormat) -> Element {
    let word = if matches!(kernel, Kernel::Matmul(_)) { 16 } else { word };
    match (role, format) {
        (Role::Weights { .. }, WeightFormat::F16) => (word.div_ceil(8) * 4, ScalarKind::Uint),
        (Role::Weights { .. }, WeightFormat::Int8) => (4, ScalarKind::Uint),
        (role, _) => full_element(role, word),
    }
}

fn full_element(role: &Role, word: u64) -> Element {
    match role {
        Role::Weights { .. } | Role::XProj => (word, ScalarKind::Float),
        Role::Lengths | Role::Slots => (4, ScalarKind::Uint),
        _ => (4, ScalarKind::Float),
    }
}

fn backward_element(kernel: Kernel, binding: u32, role: &BackwardRole, word: u64) -> Element {
    use BackwardRole::{Carry, DPacked, Gates, Lengths, Weights, WeightsT};
    // Products take any four columns as one; the gradients of tensors are taken out one by one.
    let is_product = matches!(kernel, Kernel::Matmul(_) | Kernel::Gradient(_));
    let bytes = match role {
        Weights { .. } | WeightsT | Gates | DPacked if is_product => 16,
        // In place of gates: the gradients of a projected h.
        Carry if is_product && binding == 1 => 16,
        DPacked if matches!(kernel, Kernel::Unpack(_)) => 4,
        Weights { .. } | WeightsT | Gates | DPacked => word,
        Lengths => return (4, ScalarKind::Uint),
        _ => 4,
    };
    (bytes, ScalarKind::Float)
}

/// All that a problem's weights can have.
fn weights(problem: &Problem) -> Weights {
    let sizes = problem.sizes;
    let (h, r, rows) =
        (sizes.hidden_size, sizes.recurrent_size(), sizes.cell.num_gates() * sizes.hidden_size);
    let direction = |layer| {
        let w_ih = Array2::zeros((rows, sizes.layer_input_size(layer)));
        let bias = || Some(Array1::zeros(rows));
        let own = LayerWeights::new(w_ih, Array2::zeros((rows, r))).with_bias(bias(), bias());
        let has_peepholes = sizes.cell.has_c() && problem.flavour == Flavour::Chosen;
        let own = if has_peepholes { own.with_peepholes(Array2::zeros((3, h))) } else { own };
        if r < h { own.with_projection(Array2::zeros((r, h))) } else { own }
    };
    let layer = |layer| (0..sizes.num_directions()).map(|_| direction(layer)).collect();
    Weights::new(sizes.cell, (0..sizes.num_layers).map(layer).collect()).unwrap()
}

/// All cells, flavours, phases, lengths and formats, with one step, also of a pool, and with several.
fn problems() -> Vec<(Problem, CellOptions)> {
    let (after, before) = (Cell::Gru { reset_after: true }, Cell::Gru { reset_after: false });
    let cells = [(Cell::Lstm, 0), (Cell::Lstm, 3), (after, 0), (before, 0), (Cell::Rnn, 0)];
    let mut problems = Vec::new();
    for (cell, proj_size) in cells {
        for (seq_len, batch, layers) in [(1, 2, 1), (5, 16, 2)] {
            for direction in [Direction::Forward, Direction::Bidirectional] {
                for (has_lengths, is_pooled) in [(false, false), (true, false), (false, true)] {
                    let sizes = LayerSizes::new(cell, 3, 5)
                        .with_proj_size(proj_size)
                        .with_layers(layers)
                        .with_direction(direction);
                    let mut problem = Problem::new(sizes, seq_len, batch, false).unwrap();
                    problem.has_lengths = has_lengths;
                    problem.is_pooled = seq_len == 1 && !has_lengths && is_pooled;
                    problems.push((problem, CellOptions::default()));
                    if cell == Cell::Rnn {
                        let relu = Problem { flavour: Flavour::Relu, ..problem };
                        problems.push((relu, CellOptions::default()));
                    }
                    let softsign = cell.standard_activations();
                    let softsign = Activations { f: Activation::Softsign, ..softsign };
                    let chosen =
                        CellOptions { activations: [Some(softsign); 2], ..Default::default() };
                    problem.flavour = Flavour::Chosen;
                    problems.push((problem, chosen));
                }
            }
        }
    }
    let in_all_formats = |(problem, options): (Problem, CellOptions)| {
        WeightFormat::ALL.map(|weight_format| (Problem { weight_format, ..problem }, options))
    };
    problems.into_iter().flat_map(in_all_formats).collect()
}

/// Bytes and kind of the elements of a runtime-sized array.
fn element(shader: &Shader, ty: Handle<Type>) -> Element {
    let TypeInner::Array { base, size: ArraySize::Dynamic, stride } = shader.module.types[ty].inner
    else {
        panic!("{}: {:?} is no runtime-sized array", shader.name, shader.module.types[ty].inner);
    };
    let kind = shader.module.types[base].inner.scalar_kind().unwrap();
    (stride.into(), kind)
}
