//! One trial per adapter; without any, the trials show as ignored, or as failed where a GPU is required.

use libtest_mimic::{Arguments, Failed, Trial};
use wgpu_rnn::{Error, Gpu};

/// Set in CI: a missing adapter is then a failure.
const REQUIRE_GPU: &str = "WGPU_RNN_REQUIRE_GPU";

/// A test that runs on every adapter.
pub struct GpuTest {
    pub name: String,
    pub run: Box<Run>,
}

/// Succeeds, or says what is wrong.
type Run = dyn Fn(&Gpu) -> Result<(), String> + Send + Sync;

impl GpuTest {
    pub fn new(
        name: impl Into<String>,
        run: impl Fn(&Gpu) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        GpuTest { name: name.into(), run: Box::new(run) }
    }
}

/// Every adapter that `WGPU_BACKEND` and `WGPU_ADAPTER_NAME` leave.
pub fn gpus() -> Result<Vec<Gpu>, Error> {
    Gpu::builder().build_all()
}

pub fn name_of(gpu: &Gpu) -> String {
    let info = gpu.info();
    let name: String = info.name.chars().take_while(|c| c.is_alphanumeric()).collect();
    format!("{}-{}", info.backend.to_str(), name.to_lowercase())
}

pub fn main(tests: Vec<GpuTest>) -> ! {
    let _ = env_logger::builder().is_test(true).try_init();
    let arguments = Arguments::from_args();
    let (gpus, problem) = match gpus() {
        Ok(gpus) if gpus.is_empty() => (gpus, "no adapter".to_string()),
        Ok(gpus) => (gpus, String::new()),
        Err(error) => (Vec::new(), error.to_string()),
    };
    let is_required = std::env::var_os(REQUIRE_GPU).is_some_and(|value| value != "0");
    let mut trials = Vec::new();
    for test in tests {
        let test = std::sync::Arc::new(test);
        if gpus.is_empty() {
            let name = format!("{} [{problem}]", test.name);
            let missing = Failed::from(format!("{problem}, and {REQUIRE_GPU} is set"));
            trials.push(Trial::test(name, move || Err(missing)).with_ignored_flag(!is_required));
        }
        for gpu in &gpus {
            let (gpu, test) = (gpu.clone(), test.clone());
            let name = format!("{} [{}]", test.name, name_of(&gpu));
            trials.push(Trial::test(name, move || (test.run)(&gpu).map_err(Failed::from)));
        }
    }
    libtest_mimic::run(&arguments, trials).exit()
}
