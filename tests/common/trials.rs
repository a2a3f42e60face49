//! One trial per adapter; without any, the trials show as ignored, or as failed where a GPU is required.

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use wgpu_rnn::{Gpu, wgpu};

/// Set in CI: a missing adapter is then a failure.
const REQUIRE_GPU: &str = "WGPU_RNN_REQUIRE_GPU";

pub type Outcome = Result<(), Box<dyn Error>>;

/// A test that runs on every adapter.
pub struct GpuTest {
    name: String,
    run: Box<dyn Fn(&Gpu) -> Outcome + Send + Sync>,
}

impl GpuTest {
    pub fn new<E: Into<Box<dyn Error>>>(
        name: impl Into<String>,
        run: impl Fn(&Gpu) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        let run = move |gpu: &Gpu| run(gpu).map_err(Into::into);
        GpuTest { name: name.into(), run: Box::new(run) }
    }
}

/// Every adapter that `WGPU_BACKEND` and `WGPU_ADAPTER_NAME` leave.
fn gpus() -> wgpu_rnn::Result<Vec<Gpu>> {
    Gpu::builder().build_all()
}

/// Another device on the same adapter.
pub fn another(gpu: &Gpu) -> wgpu_rnn::Result<Gpu> {
    let info = gpu.info();
    Gpu::builder().backends(info.backend.into()).adapter_name(&info.name).build()
}

/// Another device on the same adapter, opened as an application would: with default limits and no features.
pub fn callers_own(gpu: &Gpu) -> Gpu {
    let backends = gpu.info().backend.into();
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let adapters = pollster::block_on(instance.enumerate_adapters(backends));
    let is_same = |adapter: &wgpu::Adapter| adapter.get_info().name == gpu.info().name;
    let adapter = adapters.into_iter().find(is_same).expect("the adapter was there before");
    let opened = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default()));
    let (device, queue) = opened.expect("an adapter grants the default limits");
    Gpu::from_wgpu(device, queue, &adapter.get_info())
}

/// The same device, planned for as if it were hardware: the kernels that a GPU gets run on software adapters, too.
pub fn as_hardware(gpu: &Gpu) -> Gpu {
    let info = wgpu::AdapterInfo { device_type: wgpu::DeviceType::Other, ..gpu.info().clone() };
    Gpu::from_wgpu(gpu.device().clone(), gpu.queue().clone(), &info)
}

fn name_of(gpu: &Gpu) -> String {
    let info = gpu.info();
    let name: String = info.name.chars().take_while(|c| c.is_alphanumeric()).collect();
    format!("{}-{}", info.backend.to_str(), name.to_lowercase())
}

/// wgpu has one context for all of GL. It panics in a thread that has waited for it for six seconds, and llvmpipe can
/// take longer over one large kernel. A trial that runs several threads does so with small kernels.
fn alone_on_gl(gpu: &Gpu) -> Option<MutexGuard<'static, ()>> {
    static GL: Mutex<()> = Mutex::new(());
    let is_gl = gpu.info().backend == wgpu::Backend::Gl;
    is_gl.then(|| GL.lock().unwrap_or_else(PoisonError::into_inner))
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
        let test = Arc::new(test);
        if gpus.is_empty() {
            let name = format!("{} [{problem}]", test.name);
            let missing = Failed::from(format!("{problem}, and {REQUIRE_GPU} is set"));
            trials.push(Trial::test(name, move || Err(missing)).with_ignored_flag(!is_required));
        }
        for gpu in &gpus {
            let (gpu, test) = (gpu.clone(), test.clone());
            let name = format!("{} [{}]", test.name, name_of(&gpu));
            trials.push(Trial::test(name, move || {
                let _alone = alone_on_gl(&gpu);
                (test.run)(&gpu).map_err(Failed::from)
            }));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Mesa's EGL keeps data for each thread and frees it when the thread ends, or the process, but not safely when
    // both do at once ("double free", one run in some hundreds). The workers have been joined as scoped threads are:
    // their work is done, they themselves may still be ending.
    std::thread::sleep(Duration::from_millis(100));
    conclusion.exit()
}
