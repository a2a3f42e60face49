//! Every kernel in the languages that drivers read, by naga, as wgpu hands it to them.
//!
//! With `WGPU_RNN_SHADER_DIR` set to an empty folder (`cargo xtask shaders` does so) the translations are written there
//! for other compilers to judge. With `WGPU_RNN_UPDATE_SNAPSHOTS=1` the snapshots are written anew.

use std::fs;
use std::path::{Path, PathBuf};

use naga::back::{glsl, hlsl, msl, spv};
use naga::proc::BoundsCheckPolicies;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{Module, ShaderStage};
use wgpu_rnn::DeviceCaps;
use wgpu_rnn::kernels::{self, Kernel};

const SHADER_DIR: &str = "WGPU_RNN_SHADER_DIR";
const UPDATE_SNAPSHOTS: &str = "WGPU_RNN_UPDATE_SNAPSHOTS";
const ENTRY_POINT: &str = "main";

/// A few kernels, one of each kind, whose MSL is kept to be read in reviews: it shows what a change of a shader, or of
/// naga, does to the code.
const SNAPSHOTS: [&str; 11] = [
    "matmul_gates_32x32x16_8x2",
    "step_lstm_hoisted_r1_u64x1",
    "step_lstm_hoisted_r1_u8x1s32",
    "step_gru_hoisted_r1_u64x1",
    "sequence_lstm_r1_u64x1",
    "sequence_lstm_r1_u64x1s4",
    "sequence_gru_r1_u64x1",
    "step_backward_lstm_r1_u64x1",
    "sequence_backward_gru_r1_u64x1",
    "gradient_weights_32x32x16_4x2",
    "gradient_input_32x32x16_4x4",
];

/// A kernel in each language.
struct Translation {
    wgsl: String,
    spv: Vec<u8>,
    glsl: String,
    msl: String,
    hlsl: String,
}

impl Translation {
    fn new(kernel: &Kernel) -> Result<Self, String> {
        let wgsl = kernel.source();
        let module =
            naga::front::wgsl::parse_str(&wgsl).map_err(|error| error.emit_to_string(&wgsl))?;
        let info = Validator::new(ValidationFlags::all(), Capabilities::SHADER_FLOAT16_IN_FLOAT32)
            .validate(&module)
            .map_err(|error| error.emit_to_string(&wgsl))?;
        let source = Source { module: &module, info: &info };
        Ok(Translation {
            spv: source.spv()?,
            glsl: source.glsl()?,
            msl: source.msl()?,
            hlsl: source.hlsl()?,
            wgsl,
        })
    }

    fn write(&self, dir: &Path, kernel: &Kernel) {
        let write = |extension: &str, content: &[u8]| {
            let path = dir.join(format!("{}.{extension}", kernel.name()));
            fs::write(&path, content).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        };
        // A browser grants the defaults and refuses a pipeline beyond them.
        let caps = DeviceCaps::webgpu_defaults();
        if kernel.workgroup_bytes() <= caps.max_compute_workgroup_storage_size
            && kernel.invocations() <= caps.max_compute_invocations_per_workgroup
        {
            write("wgsl", self.wgsl.as_bytes());
        }
        write("spv", &self.spv);
        write("comp", self.glsl.as_bytes());
        write("metal", self.msl.as_bytes());
        write("hlsl", self.hlsl.as_bytes());
    }
}

/// A valid module.
struct Source<'a> {
    module: &'a Module,
    info: &'a ModuleInfo,
}

impl Source<'_> {
    /// SPIR-V 1.3, that of Vulkan 1.1.
    fn spv(&self) -> Result<Vec<u8>, String> {
        let options = spv::Options { lang_version: (1, 3), ..Default::default() };
        let pipeline = spv::PipelineOptions {
            shader_stage: ShaderStage::Compute,
            entry_point: ENTRY_POINT.into(),
        };
        let words = spv::write_vec(self.module, self.info, &options, Some(&pipeline))
            .map_err(|error| format!("SPIR-V: {error}"))?;
        Ok(words.iter().flat_map(|word| word.to_le_bytes()).collect())
    }

    /// The lowest GL with compute shaders.
    fn glsl(&self) -> Result<String, String> {
        let version = glsl::Version::Embedded { version: 310, is_webgl: false };
        let options = glsl::Options { version, ..Default::default() };
        let pipeline = glsl::PipelineOptions {
            shader_stage: ShaderStage::Compute,
            entry_point: ENTRY_POINT.into(),
            multiview: None,
        };
        let mut text = String::new();
        let policies = BoundsCheckPolicies::default();
        glsl::Writer::new(&mut text, self.module, self.info, &options, &pipeline, policies)
            .and_then(|mut writer| writer.write())
            .map_err(|error| format!("GLSL: {error}"))?;
        Ok(text)
    }

    fn msl(&self) -> Result<String, String> {
        let options = msl::Options { lang_version: (2, 0), ..Default::default() };
        let pipeline = msl::PipelineOptions::default();
        let (text, info) = msl::write_string(self.module, self.info, &options, &pipeline)
            .map_err(|error| format!("MSL: {error}"))?;
        info.entry_point_names[0].as_ref().map_err(|error| format!("MSL: {error}"))?;
        Ok(text)
    }

    /// For FXC; what DXC gets must be possible, too.
    fn hlsl(&self) -> Result<String, String> {
        self.hlsl_for(hlsl::ShaderModel::V6_0)?;
        self.hlsl_for(hlsl::ShaderModel::V5_1)
    }

    fn hlsl_for(&self, shader_model: hlsl::ShaderModel) -> Result<String, String> {
        let options = hlsl::Options { shader_model, ..Default::default() };
        let pipeline = hlsl::PipelineOptions::default();
        let mut text = String::new();
        let info = hlsl::Writer::new(&mut text, &options, &pipeline)
            .write(self.module, self.info, None)
            .map_err(|error| format!("HLSL: {error}"))?;
        info.entry_point_names[0].as_ref().map_err(|error| format!("HLSL: {error}"))?;
        Ok(text)
    }
}

#[test]
fn every_kernel_translates() {
    let dir = std::env::var_os(SHADER_DIR).map(PathBuf::from);
    let dir = dir.as_deref();
    let kernels = kernels::all();
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let mut failures = Vec::new();
    std::thread::scope(|scope| {
        let translate = |kernel: &Kernel| match Translation::new(kernel) {
            Ok(translation) => {
                dir.iter().for_each(|dir| translation.write(dir, kernel));
                None
            }
            Err(error) => Some(format!("{}: {error}", kernel.name())),
        };
        let parts = kernels.chunks(kernels.len().div_ceil(threads));
        let workers: Vec<_> = parts
            .map(|part| scope.spawn(move || part.iter().filter_map(translate).collect::<Vec<_>>()))
            .collect();
        failures = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
    });
    assert!(failures.is_empty(), "{} fail:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn msl_is_as_reviewed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/msl");
    let is_update = std::env::var(UPDATE_SNAPSHOTS).is_ok_and(|value| value == "1");
    let kernels = kernels::all();
    let mut files: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for name in SNAPSHOTS {
        let kernel = kernels.iter().find(|kernel| kernel.name() == name);
        let kernel = kernel.unwrap_or_else(|| panic!("{name} is no kernel: choose another"));
        let given = Translation::new(kernel).unwrap().msl;
        let path = folder.join(format!("{name}.metal"));
        files.retain(|file| path.file_name().is_some_and(|name| name != file.as_str()));
        if is_update {
            fs::write(&path, given).unwrap();
            continue;
        }
        let expected = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{name}: {error}; write it with {UPDATE_SNAPSHOTS}=1"))
            .replace("\r\n", "\n");
        let differs = given.lines().zip(expected.lines()).position(|(a, b)| a != b);
        let line = differs.unwrap_or(given.lines().count().min(expected.lines().count()));
        assert!(
            given == expected,
            "{name}.metal, line {}: is `{}`, was `{}`; if the change is meant, write it anew with {UPDATE_SNAPSHOTS}=1",
            line + 1,
            given.lines().nth(line).unwrap_or_default(),
            expected.lines().nth(line).unwrap_or_default(),
        );
    }
    assert!(files.is_empty(), "no snapshot of a kernel in the list: {files:?}");
}
