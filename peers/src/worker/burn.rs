//! burn's recurrent modules on its wgpu backend, which compiles to WGSL here.

mod modules;

use burn::tensor::wgpu::WgpuSetup;
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use modules::Module;
use wgpu_rnn::ndarray::{Array3, ArrayD};
use wgpu_rnn::{Gpu, Weights, wgpu};

use super::{Contestant, Inputs, unsupported, wall};
use crate::adapter;
use crate::case::Arrays;
use crate::failure::{Failure, Result};
use crate::protocol::{About, Done, Seconds};

pub struct Burn {
    device: Device,
    about: String,
    weights: Weights,
    run: Option<Run>,
}

struct Run {
    device: Device,
    /// burn has no module that is a stack.
    layers: Vec<Module>,
    /// `[B, T, I]`, what burn's modules take by default.
    x: Tensor<3>,
    d_y: Option<Tensor<3>>,
    y: Option<Tensor<3>>,
    gradients: Option<Gradients>,
}

impl Burn {
    pub fn boxed(weights: Weights) -> Result<Box<dyn Contestant>> {
        let setup = setup(Gpu::new()?.info())?;
        let about = adapter::line(&setup.adapter.get_info());
        let device = Device::wgpu_options().setup(setup).init();
        let device = device.map_err(|error| Failure::Request(error.to_string()))?;
        Ok(Box::new(Burn { device, about, weights, run: None }))
    }
}

fn same(a: &wgpu::AdapterInfo, b: &wgpu::AdapterInfo) -> bool {
    let key = |info: &wgpu::AdapterInfo| (info.name.clone(), info.device_pci_bus_id.clone());
    key(a) == key(b)
}

/// A device as burn opens them, with all that the adapter has, on the adapter that wgpu-rnn runs on.
fn setup(info: &wgpu::AdapterInfo) -> Result<WgpuSetup> {
    let failed = |error: &dyn std::fmt::Display| Failure::Request(error.to_string());
    let descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    let instance = wgpu::Instance::new(descriptor);
    let adapters = pollster::block_on(instance.enumerate_adapters(info.backend.into()));
    let adapter = adapters.into_iter().find(|adapter| same(&adapter.get_info(), info));
    let adapter = adapter.ok_or_else(|| failed(&"the adapter is gone"))?;
    let features = adapter.features()
        - wgpu::Features::MAPPABLE_PRIMARY_BUFFERS
        - wgpu::Features::all_experimental_mask();
    let descriptor = wgpu::DeviceDescriptor {
        required_features: features,
        required_limits: adapter.limits(),
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        ..Default::default()
    };
    let opened = pollster::block_on(adapter.request_device(&descriptor));
    let (device, queue) = opened.map_err(|error| failed(&error))?;
    Ok(WgpuSetup { instance, adapter, device, queue, backend: info.backend })
}

impl Contestant for Burn {
    fn about(&self) -> About {
        let version =
            format!("burn {} (WGSL, fusion, autotune)", crate::report::version_of("burn"));
        About { version, device: self.about.clone() }
    }

    fn prepare(&mut self, inputs: Inputs) -> Result<Done> {
        let device = match inputs.d_y {
            None => self.device.clone(),
            Some(_) => self.device.clone().autodiff(),
        };
        let layers = modules::of(&self.weights, &device)?;
        let x = tensor(&inputs.x, &device);
        let d_y = inputs.d_y.as_ref().map(|d_y| tensor(d_y, &device));
        let x = if d_y.is_some() { x.require_grad() } else { x };
        self.run = Some(Run { device, layers, x, d_y, y: None, gradients: None });
        Ok(Done { note: None })
    }

    fn run(&mut self) -> Result<Seconds> {
        let run = self.run.as_mut().ok_or_else(|| unsupported("a run before `prepare`"))?;
        (run.y, run.gradients) = (None, None);
        let wall = wall(|| {
            let y = run.layers.iter().fold(run.x.clone(), |x, layer| layer.forward(x));
            run.gradients = run.d_y.as_ref().map(|d_y| (y.clone() * d_y.clone()).sum().backward());
            run.y = Some(y);
            run.device.sync().map_err(|error| Failure::Request(format!("{error:?}")))
        })?;
        Ok(Seconds { wall, device: None })
    }

    fn results(&self) -> Result<Arrays> {
        let run = self.run.as_ref().ok_or_else(|| unsupported("results before `run`"))?;
        let y = run.y.clone().ok_or_else(|| unsupported("results before `run`"))?;
        let mut results = vec![("y".to_string(), array3(y)?)];
        let Some(gradients) = &run.gradients else { return Ok(results) };
        let d_x = run.x.grad(gradients).ok_or_else(|| unsupported("the gradient of x"))?;
        results.push(("d_input".into(), array3(d_x)?));
        results.extend(modules::gradients(&run.layers, gradients)?);
        Ok(results)
    }
}

/// `[T, B, features]` as `[B, T, features]` on the device.
fn tensor(array: &Array3<f32>, device: &Device) -> Tensor<3> {
    let array = array.view().permuted_axes([1, 0, 2]);
    let shape: [usize; 3] = array.dim().into();
    Tensor::from_data(TensorData::new(array.iter().copied().collect(), shape), device)
}

/// Its inverse.
fn array3(tensor: Tensor<3>) -> Result<ArrayD<f32>> {
    Ok(modules::array(tensor)?.permuted_axes(vec![1, 0, 2]))
}
