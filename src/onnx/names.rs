//! What stages are called: as the modules that they were exported from, as far as the file tells.

use std::collections::HashMap;

use crate::io::onnx::Node;

/// By the name of its weight (`head.weight`), by the module that the exporter wrote down (`/encoder/lstm/LSTM`), else by
/// its operator.
pub(super) fn of_stage(node: &Node, weight: Option<&str>) -> String {
    weight
        .and_then(|weight| weight.strip_suffix(".weight"))
        .map(String::from)
        .or_else(|| of_scopes(&node.scopes))
        .or_else(|| of_path(&node.name))
        .unwrap_or_else(|| node.op.to_lowercase())
}

/// By the name of a bias, `head.bias`.
pub(super) fn of_bias(bias: Option<&str>) -> Option<String> {
    bias?.strip_suffix(".bias").map(String::from)
}

/// Whether the name is that of a module, and not of an operator.
pub(super) fn is_of_module(name: &str) -> bool {
    !["matmul", "gemm"].iter().any(|operator| name.starts_with(operator))
}

/// The module around the node itself.
fn of_scopes(scopes: &[String]) -> Option<String> {
    let module = scopes.len().checked_sub(2).and_then(|module| scopes.get(module))?;
    Some(module.clone()).filter(|module| !module.is_empty())
}

/// `/encoder/lstm/LSTM_1` is in `encoder.lstm`.
fn of_path(name: &str) -> Option<String> {
    let (module, _) = name.strip_prefix('/')?.rsplit_once('/')?;
    Some(module.replace('/', "."))
}

/// The names of stages, each unlike the others.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Of each, the next number to put behind it.
    next: HashMap<String, usize>,
}

impl Names {
    pub fn unlike(&mut self, name: String) -> String {
        let mut free = name.clone();
        if free.is_empty() || self.next.contains_key(&free) {
            let mut n = self.next.get(&name).copied().unwrap_or(1);
            free = format!("{name}_{n}");
            while self.next.contains_key(&free) {
                n += 1;
                free = format!("{name}_{n}");
            }
            self.next.insert(name, n + 1);
        }
        self.next.insert(free.clone(), 1);
        free
    }

    /// The name of a stage that was called `old`.
    pub fn renamed(&mut self, old: &str, name: String) -> String {
        self.next.remove(old);
        self.unlike(name)
    }
}
