//! Gets the machine what a command needs, where that is allowed; says how where it is not. Never
//! fails: a need that stays unmet shows where it matters, as a skipped judge, a test without a GPU
//! or a demo on the CPU.
//!
//! Only Linux needs this: Windows brings a software GPU (WARP), Apple's machines a real one.

use crate::{cmd, distro::Distro, judge::Judge};
use std::{ffi::CStr, fs, process::Command};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Need {
    /// A Vulkan device of any kind; lavapipe where there is no GPU.
    Vulkan,
    /// Mesa's EGL, for llvmpipe: a second, unrelated adapter for the tests.
    Gl,
    SpirvVal,
    Glslang,
    /// Node.js and npm, which run Tint.
    Node,
}

impl Need {
    pub const ALL: [Need; 5] = [Need::Vulkan, Need::Gl, Need::SpirvVal, Need::Glslang, Need::Node];
    pub const JUDGES: [Need; 3] = [Need::SpirvVal, Need::Glslang, Need::Node];

    fn met(self) -> bool {
        match self {
            Need::Vulkan => !vulkan_devices().is_empty(),
            Need::Gl => cmd::capture(Command::new("/sbin/ldconfig").arg("-p"))
                .is_ok_and(|known| cmd::said(&known).contains("libEGL_mesa.so")),
            Need::SpirvVal => cmd::on_path("spirv-val"),
            Need::Glslang => cmd::on_path("glslangValidator"),
            Need::Node => cmd::on_path("node") && cmd::on_path("npm"),
        }
    }
}

/// `cargo xtask setup`: everything, and a look at the result.
pub fn run() -> Result<(), String> {
    ensure(&Need::ALL);
    match vulkan_devices().as_slice() {
        [] => println!("vulkan: no device"),
        devices => println!("vulkan: {}", devices.join(", ")),
    }
    for judge in Judge::ALL {
        println!("{}: {}", judge.name(), judge.prepare().err().unwrap_or("ready".into()));
    }
    Ok(())
}

pub fn ensure(needs: &[Need]) {
    if !cfg!(target_os = "linux") {
        return;
    }
    let unmet: Vec<Need> = needs.iter().copied().filter(|need| !need.met()).collect();
    if unmet.is_empty() {
        return;
    }
    println!("setup: this machine lacks {unmet:?}");
    if let Err(why) = install(&unmet) {
        println!("setup: {why}\nsetup: going on without");
    }
}

fn install(unmet: &[Need]) -> Result<(), String> {
    let os_release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let distro =
        Distro::from_os_release(&os_release).ok_or("don't know this system's package manager")?;
    let packages: Vec<&str> =
        unmet.iter().flat_map(|&need| distro.packages(need)).copied().collect();
    let script = distro.install_script(&packages);
    let mut shell = root_shell()
        .ok_or_else(|| format!("may not install packages; to do so, run: sudo sh -c '{script}'"))?;
    println!("setup: {script}  (takes a minute or two)");
    let output = cmd::capture(shell.args(["-c", &script]))?;
    if !output.status.success() {
        return Err(format!("{}\nsetup: that failed: {}", cmd::said(&output), output.status));
    }
    match unmet.iter().filter(|need| !need.met()).collect::<Vec<_>>().as_slice() {
        [] => Ok(()),
        still => Err(format!("installed, but {still:?} still does not answer")),
    }
}

/// A shell with the right to install: our own if we are root, else sudo's if it asks for no
/// password.
fn root_shell() -> Option<Command> {
    let own = || Command::new("sh");
    let sudo = || {
        let mut command = Command::new("sudo");
        command.args(["-n", "sh"]);
        command
    };
    let is_root = |mut shell: Command| {
        let asked = cmd::capture(shell.args(["-c", "[ $(id -u) = 0 ]"]));
        asked.is_ok_and(|output| output.status.success())
    };
    if is_root(own()) { Some(own()) } else { is_root(sudo()).then(sudo) }
}

/// The names of the Vulkan devices. Asks the loader: a driver's manifest may lie there without a
/// driver or a GPU.
fn vulkan_devices() -> Vec<String> {
    // SAFETY: the loader and its drivers are the system's own, as they are for every Vulkan
    // program, and the instance outlives every call made through it.
    unsafe {
        let Ok(entry) = ash::Entry::load() else {
            return Vec::new();
        };
        let Ok(instance) = entry.create_instance(&Default::default(), None) else {
            return Vec::new();
        };
        let name = |device| {
            let properties = instance.get_physical_device_properties(device);
            CStr::from_ptr(properties.device_name.as_ptr()).to_string_lossy().into_owned()
        };
        let names = instance
            .enumerate_physical_devices()
            .unwrap_or_default()
            .into_iter()
            .map(name)
            .collect();
        instance.destroy_instance(None);
        names
    }
}
