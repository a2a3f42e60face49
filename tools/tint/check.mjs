// check.mjs: judges WGSL with Tint, the shader compiler of Chromium's WebGPU. No GPU is needed:
// Dawn's null backend validates modules and pipelines as a browser does and runs nothing.
//
//     node check.mjs FILE.wgsl...
//
// prints `ok FILE` or `not ok FILE` for each file, Tint's words indented below. Warnings count.

import { readFileSync } from 'node:fs';
import { create, globals } from 'webgpu';

Object.assign(globalThis, globals);

// Global, for the garbage collector must not have it: it holds the thread that settles promises.
globalThis.gpu = create(['backend=null']);
const adapter = await gpu.requestAdapter();
// A feature only permits: a shader must still say `enable f16;`. The limits are WebGPU's defaults,
// which every browser grants; that is what the pipelines must keep to.
const device = await adapter.requestDevice({ requiredFeatures: ['shader-f16', 'subgroups'] });

async function objections(code) {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  const { messages } = await module.getCompilationInfo();
  await device.popErrorScope();
  if (messages.some(({ type }) => type !== 'info')) {
    return messages.map((m) => `${m.lineNum}:${m.linePos} ${m.type}: ${m.message}`);
  }
  try {
    // Workgroup sizes, workgroup memory and bindings are checked here.
    const compute = { module, entryPoint: 'main' };
    await device.createComputePipelineAsync({ layout: 'auto', compute });
  } catch (error) {
    return [error.message];
  }
  return [];
}

for (const file of process.argv.slice(2)) {
  const found = await objections(readFileSync(file, 'utf8'));
  console.log(`${found.length ? 'not ok' : 'ok'} ${file}`);
  for (const line of found.join('\n').split('\n').filter(Boolean)) console.log(`  ${line}`);
  if (found.length) process.exitCode = 1;
}
