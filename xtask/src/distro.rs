//! What the packages are called, and how they are installed, on each family of Linux distributions.

use crate::setup::Need;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distro {
    Debian,
    Fedora,
    Arch,
}

impl Distro {
    /// Reads `/etc/os-release`: the distribution's own `ID` first, then what it says it is like
    /// (`ID_LIKE`).
    pub fn from_os_release(text: &str) -> Option<Self> {
        let value = |key| {
            text.lines()
                .find_map(|line| line.strip_prefix(key))
                .unwrap_or_default()
                .trim_matches('"')
        };
        let mut ids = value("ID=").split(' ').chain(value("ID_LIKE=").split(' '));
        ids.find_map(|id| match id {
            "debian" | "ubuntu" => Some(Self::Debian),
            "fedora" | "rhel" => Some(Self::Fedora),
            "arch" => Some(Self::Arch),
            _ => None,
        })
    }

    pub fn packages(self, need: Need) -> &'static [&'static str] {
        use Distro::*;
        match (need, self) {
            (Need::Vulkan, Debian) => &["libvulkan1", "mesa-vulkan-drivers"],
            (Need::Vulkan, Fedora) => &["vulkan-loader", "mesa-vulkan-drivers"],
            (Need::Vulkan, Arch) => &["vulkan-icd-loader", "vulkan-swrast"],
            // wgpu loads libEGL and asks it for everything else; the DRI package holds llvmpipe.
            (Need::Gl, Debian) => &["libegl1", "libgl1-mesa-dri"],
            (Need::Gl, Fedora) => &["mesa-libEGL", "mesa-dri-drivers"],
            (Need::Gl, Arch) => &["mesa"],
            (Need::SpirvVal, _) => &["spirv-tools"],
            (Need::Glslang, Debian) => &["glslang-tools"],
            (Need::Glslang, Fedora | Arch) => &["glslang"],
            (Need::Node, _) => &["nodejs", "npm"],
        }
    }

    /// A shell script for root.
    pub fn install_script(self, packages: &[&str]) -> String {
        let packages = packages.join(" ");
        match self {
            Self::Debian => format!(
                "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends {packages}"
            ),
            Self::Fedora => format!("dnf install -y {packages}"),
            // Without -y: refreshing the package list but not the system is a partial upgrade,
            // which Arch forbids.
            Self::Arch => format!("pacman -S --needed --noconfirm {packages}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_are_known_by_their_id_or_by_what_they_are_like() {
        let cases = [
            ("NAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nID=debian\n", Some(Distro::Debian)),
            ("ID=ubuntu\nID_LIKE=debian\n", Some(Distro::Debian)),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", Some(Distro::Debian)),
            ("ID=fedora\nPLATFORM_ID=\"platform:f42\"\n", Some(Distro::Fedora)),
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", Some(Distro::Fedora)),
            ("ID=arch\n", Some(Distro::Arch)),
            ("ID=endeavouros\nID_LIKE=\"arch\"\n", Some(Distro::Arch)),
            ("ID=nixos\n", None),
            ("", None),
            // Another key that ends in ID= must not count.
            ("VARIANT_ID=debian\n", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Distro::from_os_release(text), expected, "{text:?}");
        }
    }

    #[test]
    fn install_scripts_ask_nothing() {
        assert_eq!(
            Distro::Debian.install_script(&["a", "b"]),
            "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends a b"
        );
        assert_eq!(Distro::Fedora.install_script(&["a"]), "dnf install -y a");
        assert_eq!(Distro::Arch.install_script(&["a"]), "pacman -S --needed --noconfirm a");
    }
}
