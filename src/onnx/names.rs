//! What stages are called: as the modules that they were exported from, as far as the file tells.

use crate::io::onnx::Node;

/// By the name of its weight (`head.weight`), by the module that the exporter wrote down (`/encoder/lstm/LSTM`), else by
/// its operator; unlike those that are there.
pub(super) fn of_stage<'a>(
    node: &Node,
    weight: Option<&str>,
    others: impl Iterator<Item = &'a str>,
) -> String {
    let name = weight
        .and_then(|weight| weight.strip_suffix(".weight"))
        .map(String::from)
        .or_else(|| of_scopes(&node.scopes))
        .or_else(|| of_path(&node.name))
        .unwrap_or_else(|| node.op.to_lowercase());
    unlike(name, others)
}

/// By the name of a bias, `head.bias`.
pub(super) fn of_bias<'a>(
    bias: Option<&str>,
    others: impl Iterator<Item = &'a str>,
) -> Option<String> {
    let name = bias?.strip_suffix(".bias")?;
    Some(unlike(name.into(), others))
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

fn unlike<'a>(name: String, others: impl Iterator<Item = &'a str>) -> String {
    let others: std::collections::HashSet<&str> = others.collect();
    if !others.contains(name.as_str()) {
        return name;
    }
    let numbered = (1..).map(|n| format!("{name}_{n}"));
    numbered.into_iter().find(|numbered| !others.contains(numbered.as_str())).unwrap_or(name)
}
