//! Where WGSL and Rust must agree, naga says what the WGSL is: parameters, bindings, constants, workgroups.

mod host;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use host::{Field, Struct, Structs, host_structs};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{
    AddressSpace, ArraySize, Expression, GlobalVariable, Handle, Literal, Module, ScalarKind,
    StorageAccess, Type, TypeInner,
};
use wgpu_rnn::kernels::recurrence::{MAX_SLICES, NONE};
use wgpu_rnn::kernels::{self, Access, Choice, Kernel, Phases};
use wgpu_rnn::{Activation, Activations, Cell, CellOptions, DeviceCaps};

struct Parsed {
    kernel: Kernel,
    module: Module,
    info: ModuleInfo,
}

/// All kernels, each parsed once for all tests.
static PARSED: LazyLock<Vec<Parsed>> = LazyLock::new(|| {
    let kernels = kernels::all();
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    std::thread::scope(|scope| {
        let parts = kernels.chunks(kernels.len().div_ceil(threads));
        let workers: Vec<_> = parts
            .map(|part| scope.spawn(|| part.iter().copied().map(parse).collect::<Vec<_>>()))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
});

fn parse(kernel: Kernel) -> Parsed {
    let source = kernel.source();
    let module = naga::front::wgsl::parse_str(&source)
        .unwrap_or_else(|e| panic!("{}: {}", kernel.name(), e.emit_to_string(&source)));
    // What a WebGPU device without any feature accepts.
    let info = Validator::new(ValidationFlags::all(), Capabilities::SHADER_FLOAT16_IN_FLOAT32)
        .validate(&module)
        .unwrap_or_else(|e| panic!("{}: {}", kernel.name(), e.emit_to_string(&source)));
    Parsed { kernel, module, info }
}

impl Parsed {
    fn name(&self) -> String {
        self.kernel.name()
    }

    fn globals(&self) -> impl Iterator<Item = &naga::GlobalVariable> {
        self.module.global_variables.iter().map(|(_, variable)| variable)
    }

    fn constant(&self, name: &str) -> Option<u32> {
        let is_named = |constant: &&naga::Constant| constant.name.as_deref() == Some(name);
        let constant = self.module.constants.iter().map(|(_, c)| c).find(is_named)?;
        match self.module.global_expressions[constant.init] {
            Expression::Literal(Literal::U32(value)) => Some(value),
            ref other => panic!("{}: {name} is {other:?}", self.name()),
        }
    }

    fn size_of(&self, ty: Handle<Type>) -> u32 {
        self.module.types[ty].inner.size(self.module.to_ctx())
    }

    /// A type as Rust writes it.
    fn type_name(&self, ty: Handle<Type>) -> String {
        let Type { name, inner } = &self.module.types[ty];
        match inner {
            TypeInner::Scalar(scalar) => match (scalar.kind, scalar.width) {
                (ScalarKind::Uint, 4) => "u32".into(),
                (ScalarKind::Float, 4) => "f32".into(),
                other => format!("{other:?}"),
            },
            TypeInner::Array { base, size: ArraySize::Constant(size), .. } => {
                format!("[{}; {size}]", self.type_name(*base))
            }
            TypeInner::Struct { .. } => name.clone().unwrap(),
            other => format!("{other:?}"),
        }
    }

    /// A struct and the structs in it, as in [`host_structs`].
    fn add_structs(&self, ty: Handle<Type>, structs: &mut Structs) {
        match &self.module.types[ty].inner {
            TypeInner::Struct { members, span } => {
                let fields = members.iter().map(|member| {
                    self.add_structs(member.ty, structs);
                    let name = member.name.clone().unwrap();
                    Field { name, ty: self.type_name(member.ty), offset: member.offset }
                });
                let fields = fields.collect();
                structs.insert(self.type_name(ty), Struct { fields, bytes: *span });
            }
            TypeInner::Array { base, .. } => self.add_structs(*base, structs),
            _ => {}
        }
    }
}

fn is_params(global: &GlobalVariable) -> bool {
    global.binding.as_ref().is_some_and(|at| at.binding == 0)
}

#[test]
fn params_are_the_host_structs() {
    let host = host_structs();
    let mut seen: Vec<String> = Vec::new();
    for parsed in PARSED.iter() {
        let mut structs = Structs::new();
        for global in parsed.globals().filter(|global| is_params(global)) {
            parsed.add_structs(global.ty, &mut structs);
        }
        for (name, given) in structs {
            let expected = host.get(&name).unwrap_or_else(|| panic!("no host struct for {name}"));
            assert_eq!(given, *expected, "{name} of {}", parsed.name());
            seen.push(name);
        }
    }
    let unseen = host.keys().find(|name| !seen.contains(name));
    assert_eq!(unseen, None, "no kernel has this struct");
}

#[test]
fn bindings_are_those_that_the_pipelines_get() {
    let caps = DeviceCaps::webgpu_defaults();
    for parsed in PARSED.iter() {
        let (name, kernel) = (parsed.name(), parsed.kernel);
        let mut params = Vec::new();
        let mut storage = Vec::new();
        for global in parsed.globals() {
            let at = global.binding.as_ref().map(|binding| (binding.group, binding.binding));
            match global.space {
                AddressSpace::Storage { access } if is_params(global) => {
                    assert!(!access.contains(StorageAccess::STORE), "{name}: params");
                    params.push((at.unwrap(), parsed.size_of(global.ty)));
                }
                AddressSpace::Storage { access } => {
                    let (group, binding) = at.unwrap();
                    assert_eq!(group, 0, "{name}: storage");
                    let writes = access.contains(StorageAccess::STORE);
                    let access = if writes { Access::ReadWrite } else { Access::Read };
                    storage.push((binding, access));
                }
                AddressSpace::WorkGroup | AddressSpace::Private => assert_eq!(at, None),
                other => panic!("{name}: {:?} is in {other:?}", global.name),
            }
        }
        storage.sort_by_key(|(binding, _)| *binding);
        assert_eq!(storage, kernel.bindings(), "{name}: storage");
        let all = storage.len() + params.len();
        assert!(all <= caps.max_storage_buffers_per_shader_stage as usize, "{name}");
        params.sort();
        let mut expected = vec![((0, 0), kernel.params_bytes())];
        expected.extend(kernel.has_clock().then_some(((1, 0), 4)));
        assert_eq!(params, expected, "{name}: params and their bytes");
    }
}

#[test]
fn constants_are_equal() {
    for parsed in PARSED.iter() {
        use Kernel::{CellStates, PeepholeGradient, ResetStates};
        use Kernel::{Sequence, SequenceBackward, Step, StepBackward};
        let is_recurrence = matches!(parsed.kernel, Step(_) | Sequence(_));
        let is_backward = matches!(
            parsed.kernel,
            CellStates(_)
                | ResetStates(_)
                | PeepholeGradient(_)
                | StepBackward(_)
                | SequenceBackward(_)
        );
        let (none, max) = (parsed.constant("NONE"), parsed.constant("MAX_SLICES"));
        assert_eq!(none, is_recurrence.then_some(NONE), "{}: NONE", parsed.name());
        let slices = (is_recurrence || is_backward).then_some(MAX_SLICES as u32);
        assert_eq!(max, slices, "{}: MAX_SLICES", parsed.name());
    }
}

#[test]
fn workgroups_are_as_the_planner_counts_them() {
    for parsed in PARSED.iter() {
        let (name, kernel) = (parsed.name(), parsed.kernel);
        let [entry] = &parsed.module.entry_points[..] else { panic!("{name}: entry points") };
        assert_eq!(entry.name, "main", "{name}");
        assert_eq!(entry.workgroup_size, [kernel.invocations(), 1, 1], "{name}: workgroup size");
        let shared = parsed.globals().filter(|global| global.space == AddressSpace::WorkGroup);
        // WebGPU counts each variable in whole 16 bytes.
        let bytes: u32 = shared.map(|global| parsed.size_of(global.ty).next_multiple_of(16)).sum();
        assert_eq!(bytes, kernel.workgroup_bytes(), "{name}: workgroup memory");
    }
}

#[test]
fn nothing_is_declared_in_vain() {
    for parsed in PARSED.iter() {
        let entry = parsed.info.get_entry_point(0);
        // The phases of a step share a bind group, of which each uses a part. Backwards through a projection, nobody
        // needs y.
        let shares = match parsed.kernel {
            Kernel::Step(step) => step.cell.phases != Phases::Whole,
            Kernel::StepBackward(step) => step.cell.phases != Phases::Whole,
            Kernel::SequenceBackward(sequence) => sequence.cell.phases == Phases::Projection,
            _ => false,
        };
        for (handle, global) in parsed.module.global_variables.iter() {
            if shares && matches!(global.space, AddressSpace::Storage { .. }) {
                continue;
            }
            assert!(!entry[handle].is_empty(), "{}: {:?} is unused", parsed.name(), global.name);
        }
    }
}

/// Sums of floats in the order of arrival would differ from run to run.
#[test]
fn no_float_is_atomic() {
    for parsed in PARSED.iter() {
        let is_float = |ty: &Type| matches!(ty.inner, TypeInner::Atomic(scalar) if scalar.kind == ScalarKind::Float);
        let found = parsed.module.types.iter().find(|(_, ty)| is_float(ty));
        assert!(found.is_none(), "{}: {found:?}", parsed.name());
    }
}

#[test]
fn names_are_unique() {
    let mut names: Vec<String> = kernels::all().iter().map(Kernel::name).collect();
    names.sort();
    let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
    assert_eq!(twice, None);
}

fn shaders() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders")
}

/// Every WGSL file: its path under shaders/, and its text.
fn shader_files(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            shader_files(&path, files);
            continue;
        }
        let inner = path.strip_prefix(shaders()).unwrap();
        let parts: Vec<_> = inner.iter().map(|part| part.to_str().unwrap()).collect();
        files.push((parts.join("/"), std::fs::read_to_string(&path).unwrap()));
    }
}

#[test]
fn every_file_says_what_it_is_and_is_used() {
    let mut files = Vec::new();
    shader_files(&shaders(), &mut files);
    assert!(files.len() >= 15, "only {} files", files.len());
    let sources: Vec<String> = kernels::all().iter().map(Kernel::source).collect();
    for (path, text) in files {
        assert!(text.starts_with(&format!("// {path}: ")), "{path}: first line");
        // Those are no kernels of a plan (gpu/ceilings).
        if !path.starts_with("ceilings/") {
            let is_used = sources.iter().any(|source| source.contains(&text));
            assert!(is_used, "{path} is part of no kernel");
        }
    }
}

/// Each activation, and words of its case in activation/chosen.wgsl that no other case has.
const ACTIVATIONS: [(Activation, &str); 11] = [
    (Activation::Sigmoid, "return sigmoid(x);"),
    (Activation::Tanh, "return tanh_stable(x);"),
    (Activation::Relu, "max(x, 0.0)"),
    (Activation::LeakyRelu { alpha: 0.5 }, "select(x, alpha * x, x < 0.0)"),
    (Activation::ThresholdedRelu { alpha: 0.5 }, "x < alpha"),
    (Activation::ScaledTanh { alpha: 0.5, beta: 0.25 }, "alpha * tanh_stable(beta * x)"),
    (Activation::HardSigmoid { alpha: 0.5, beta: 0.25 }, "clamp(line, 0.0, 1.0)"),
    (Activation::Elu { alpha: 0.5 }, "exp(min(x, 0.0)) - 1.0"),
    (Activation::Softsign, "x / (1.0 + abs(x))"),
    (Activation::Softplus, "log("),
    (Activation::Affine { alpha: 0.5, beta: 0.25 }, "return alpha * x + beta;"),
];

#[test]
fn activations_have_the_numbers_of_the_switch() {
    let text = std::fs::read_to_string(shaders().join("activation/chosen.wgsl")).unwrap();
    let (_, switch) = text.split_once("switch which {").unwrap();
    let (switch, _) = switch.split_once("\n    }\n").unwrap();
    // The last case is the default.
    let (cases, default) = switch.split_once("default:").unwrap();
    let mut cases: BTreeMap<u32, &str> = cases
        .split("case ")
        .skip(1)
        .map(|case| case.split_once("u:").unwrap())
        .map(|(number, case)| (number.parse().unwrap(), case))
        .collect();
    cases.insert(cases.len() as u32, default);
    assert_eq!(cases.len(), ACTIVATIONS.len());
    for (activation, words) in ACTIVATIONS {
        let all = Activations { f: activation, g: activation, h: activation };
        let options = CellOptions { activations: [Some(all); 2], ..Default::default() };
        let Choice { f, g, h, f_alpha, f_beta, .. } = Choice::new(Cell::Lstm, &options, 0, 0);
        assert_eq!((f, f), (g, h));
        let case = cases.remove(&f).unwrap_or_else(|| panic!("{activation:?} has no case {f}"));
        assert!(case.contains(words), "{activation:?} is case {f}:{case}");
        for (parameter, value) in [("alpha", f_alpha), ("beta", f_beta)] {
            assert_eq!(case.contains(parameter), value != 0.0, "{activation:?}: {parameter}");
        }
    }
}
