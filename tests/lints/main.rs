//! What naga's view of every kernel must not show, beyond what the host's side can be compared with (reflection.rs).

mod rules;

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;
use std::thread;

use naga::valid::{Capabilities, GlobalUse, ModuleInfo, ValidationFlags, Validator};
use naga::{ArraySize, GlobalVariable, Handle, Module, ScalarKind, Type, TypeInner};
use wgpu_rnn::kernels::{self, Access, Kernel, Phases};
use wgpu_rnn::pack::WeightLayout;
use wgpu_rnn::run::{Program, Role};
use wgpu_rnn::{
    Activation, Activations, Cell, CellOptions, DeviceCaps, Direction, Flavour, LayerSizes,
    Options, Problem, Schedule, plan,
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
        let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
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
                let usage = used[&name][&binding];
                assert!(!usage.is_empty(), "{name}: binding {binding} is unused");
                let is_written = usage.contains(GlobalUse::WRITE);
                assert_eq!(is_written, access == Access::ReadWrite, "{name}: binding {binding}");
            }
        }
    }
}

/// The launches that a kernel is a part of, by the name of the first phase: all but a second phase are launched for
/// themselves, and a second phase follows one of either input.
fn launches_with(kernel: Kernel) -> Vec<String> {
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

/// The host binds buffers by roles; each role has an element type.
#[test]
fn elements_are_what_the_roles_say() {
    let by_kernel: HashMap<Kernel, &Shader> =
        SHADERS.iter().map(|shader| (shader.kernel, shader)).collect();
    let mut seen = HashSet::new();
    for (problem, options) in problems() {
        for schedule in Schedule::ALL {
            let forced = Options { schedule: Some(schedule), ..Default::default() };
            let Ok(plan) = plan(&problem, &DeviceCaps::webgpu_defaults(), &forced) else {
                continue;
            };
            let word = WeightLayout::new(problem.sizes).word_bytes();
            for dispatch in Program::new(&plan, &options, 256, 0).dispatches {
                let second = dispatch.second.map(|(kernel, _)| kernel);
                for kernel in [Some(dispatch.kernel), second].into_iter().flatten() {
                    let shader = by_kernel[&kernel];
                    let bindings = kernel.bindings();
                    assert_eq!(bindings.len(), dispatch.roles.len(), "{}", shader.name);
                    for ((binding, _), role) in bindings.into_iter().zip(&dispatch.roles) {
                        let word = if matches!(kernel, Kernel::Matmul(_)) { 16 } else { word };
                        let expected = match role {
                            Role::Weights { .. } | Role::XProj => (word, ScalarKind::Float),
                            Role::Lengths => (4, ScalarKind::Uint),
                            _ => (4, ScalarKind::Float),
                        };
                        // A second phase also declares the input, which it has no use for.
                        let Some(used) = shader.used(binding) else { continue };
                        let given = element(shader, used.ty);
                        assert_eq!(given, expected, "{}: {role:?}", shader.name);
                        seen.insert((kernel, binding));
                    }
                }
            }
        }
    }
    assert!(seen.len() > 100, "only {} bindings were seen", seen.len());
}

/// All cells, flavours, phases and lengths, with one step and with several.
fn problems() -> Vec<(Problem, CellOptions)> {
    let (after, before) = (Cell::Gru { reset_after: true }, Cell::Gru { reset_after: false });
    let cells = [(Cell::Lstm, 0), (Cell::Lstm, 3), (after, 0), (before, 0), (Cell::Rnn, 0)];
    let mut problems = Vec::new();
    for (cell, proj_size) in cells {
        for (seq_len, layers) in [(1, 1), (5, 2)] {
            for direction in [Direction::Forward, Direction::Bidirectional] {
                for has_lengths in [false, true] {
                    let sizes = LayerSizes::new(cell, 3, 5)
                        .with_proj_size(proj_size)
                        .with_layers(layers)
                        .with_direction(direction);
                    let mut problem = Problem::new(sizes, seq_len, 2, false).unwrap();
                    problem.has_lengths = has_lengths;
                    problems.push((problem, CellOptions::default()));
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
    problems
}

/// Bytes and kind of the elements of a runtime-sized array.
fn element(shader: &Shader, ty: Handle<Type>) -> (u64, ScalarKind) {
    let TypeInner::Array { base, size: ArraySize::Dynamic, stride } = shader.module.types[ty].inner
    else {
        panic!("{}: {:?} is no runtime-sized array", shader.name, shader.module.types[ty].inner);
    };
    let kind = shader.module.types[base].inner.scalar_kind().unwrap();
    (stride.into(), kind)
}
