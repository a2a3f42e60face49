// page.mjs: the contestant, in the browser: a session of onnxruntime-web on WebGPU, with x and y in GPU buffers.

import * as ort from './node_modules/onnxruntime-web/dist/ort.webgpu.bundle.min.mjs';

let session, device, x, y;

/// What it computes on.
export async function open(model) {
  // All that counts runs on the GPU.
  ort.env.wasm.numThreads = 1;
  session = await ort.InferenceSession.create(model, {
    executionProviders: ['webgpu'],
    preferredOutputLocation: 'gpu-buffer',
    // A node that WebGPU does not have would be computed on the CPU: that is refused.
    extra: { session: { disable_cpu_ep_fallback: '1' } },
  });
  device = await ort.env.webgpu.device;
  const { vendor, architecture, description } = device.adapterInfo;
  return [vendor, architecture, description].filter(Boolean).join(' ');
}

export async function prepare({ shape, values }) {
  x?.dispose();
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const buffer = device.createBuffer({ size: values.byteLength, usage });
  device.queue.writeBuffer(buffer, 0, values);
  const dispose = () => buffer.destroy();
  x = ort.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims: shape, dispose });
  // The browser compiles better what runs often: some runs, but no minutes of them, until it is as fast as it will be.
  const begin = performance.now();
  for (let runs = 0; runs < 15 && performance.now() - begin < 2000; runs++) await run();
}

/// Seconds from the call to the end of the work; y stays where it is.
export async function run() {
  y?.dispose();
  const begin = performance.now();
  ({ y } = await session.run({ x }));
  await device.queue.onSubmittedWorkDone();
  return (performance.now() - begin) / 1000;
}

export async function results() {
  return { shape: [...y.dims], values: await y.getData() };
}
