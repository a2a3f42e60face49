// peer.mjs: onnxruntime-web on WebGPU in a headless Chromium, as a peer: answers the requests of src/protocol.rs,
// checks nothing itself.
//
//     node peer.mjs CHROMIUM ADAPTER PEER FOLDER
//
// ADAPTER is the name of the one that the others run on: a software adapter there has to be the same here.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { model } from './onnx.mjs';
import { read, write } from './safetensors.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const [chromium, adapter, , folder] = process.argv.slice(2);
const isSwiftShader = (name) => /swiftshader/i.test(name);

// What Chromium leaves behind, where the peer is killed, goes with the folder.
process.env.TMPDIR = folder;

const file = (name) => join(folder, `${name}.safetensors`);
const answer = (content) => console.log(JSON.stringify(content));

async function launch() {
  // Packages that are not installed are a reason to give, so they are missed here and not above.
  const playwright = await import('playwright-core');
  // Without the first there is no WebGPU on Linux.
  const args = ['--enable-unsafe-webgpu'];
  if (isSwiftShader(adapter)) args.push('--use-webgpu-adapter=swiftshader');
  return playwright.chromium.launch({ executablePath: chromium, args });
}

/// Opens page.mjs: what calls its functions.
async function open(browser) {
  const page = await browser.newPage();
  // With these headers the page has a clock of 5 µs, and not of 100.
  const headers = {
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
  };
  // All that the page asks for are files, so there is no need for a server.
  await page.route('http://localhost/**', (route) => {
    const { pathname } = new URL(route.request().url());
    const empty = { contentType: 'text/html', body: '' };
    const content = pathname === '/' ? empty : { path: join(here, pathname) };
    return route.fulfill({ headers, ...content });
  });
  await page.goto('http://localhost/');
  const within = async ([name, given]) => (await import('/page.mjs'))[name](given);
  return (name, given) => page.evaluate(within, [name, given]);
}

async function serve(browser) {
  const call = await open(browser);
  const device = await call('open', model(read(file('weights'))));
  if (isSwiftShader(device) !== isSwiftShader(adapter)) {
    throw new Error(`Chromium computes on ${device}, the others on ${adapter}`);
  }
  const about = readFileSync(join(here, 'node_modules/onnxruntime-web/package.json'));
  const version = `onnxruntime-web ${JSON.parse(about).version}, Chromium ${browser.version()}`;
  answer({ version, device: `WebGPU: ${device}` });
  for await (const request of createInterface({ input: process.stdin })) {
    const [verb, name] = request.split(' ');
    if (verb === 'prepare') {
      const { x, d_y } = read(file(name)).arrays;
      if (d_y) throw new Error('unsupported: backward');
      await call('prepare', x);
      answer({ note: null });
    } else if (verb === 'run') {
      answer({ wall: await call('run'), device: null });
    } else if (verb === 'results') {
      write(file(name), 'y', await call('results'));
      answer({ note: null });
    } else {
      throw new Error(`asked to ${JSON.stringify(request)}`);
    }
  }
}

try {
  const browser = await launch();
  await serve(browser).finally(() => browser.close());
} catch ({ message }) {
  // Of what was thrown in the page, stack and all, the first line says why.
  answer({ refused: message.split('\n')[0] });
}
