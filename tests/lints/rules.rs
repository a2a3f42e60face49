//! What no kernel may contain although every compiler takes it. Each lint returns what it objects to.

use std::collections::HashSet;

use naga::{
    AddressSpace, Block, Expression, Function, Handle, LocalVariable, MathFunction, Module,
    Statement, StorageAccess,
};

/// A loop without a condition at its head, or with one that the loop itself or another invocation can move.
///
/// Such a loop can hang a device, and drivers may assume that it ends. Allowed are loops that compare a counter, on the
/// left, with what does not change: numbers, constants, parameters that the kernel only reads, arguments, and local
/// variables that the loop leaves alone.
pub fn unbounded_loops(module: &Module) -> Vec<String> {
    let mut found = Vec::new();
    for (name, function) in functions(module) {
        visit(&function.body, &mut |statement| {
            if let Statement::Loop { body, continuing, .. } = statement {
                let mut changed = HashSet::new();
                for block in [body, continuing] {
                    visit(block, &mut |statement| changed_by(function, statement, &mut changed));
                }
                if !has_fixed_bound(module, function, body, &changed) {
                    found.push(format!("{name}: a loop has no bound"));
                }
            }
        });
    }
    found
}

/// The built-in `tanh`: on some drivers it is NaN for large arguments.
pub fn builtin_tanh(module: &Module) -> Vec<String> {
    let mut found = Vec::new();
    for (name, function) in functions(module) {
        for (_, expression) in function.expressions.iter() {
            if let Expression::Math { fun: MathFunction::Tanh, .. } = expression {
                found.push(format!("{name}: the built-in tanh"));
            }
        }
    }
    found
}

fn functions(module: &Module) -> impl Iterator<Item = (String, &Function)> {
    let entry_points =
        module.entry_points.iter().map(|entry| (entry.name.clone(), &entry.function));
    let others = module.functions.iter().map(|(_, function)| function);
    entry_points.chain(others.map(|function| (function.name.clone().unwrap_or_default(), function)))
}

/// Every statement, those inside others too.
fn visit<'a>(block: &'a Block, see: &mut impl FnMut(&'a Statement)) {
    for statement in block.iter() {
        see(statement);
        match statement {
            Statement::Block(block) => visit(block, see),
            Statement::If { accept, reject, .. } => {
                visit(accept, see);
                visit(reject, see);
            }
            Statement::Switch { cases, .. } => cases.iter().for_each(|case| visit(&case.body, see)),
            Statement::Loop { body, continuing, .. } => {
                visit(body, see);
                visit(continuing, see);
            }
            _ => {}
        }
    }
}

/// The local variables that a statement writes, or lends to a function that may write them.
fn changed_by(
    function: &Function,
    statement: &Statement,
    changed: &mut HashSet<Handle<LocalVariable>>,
) {
    let pointers = match statement {
        Statement::Store { pointer, .. } => std::slice::from_ref(pointer),
        Statement::Call { arguments, .. } => &arguments[..],
        _ => &[],
    };
    for pointer in pointers {
        if let Expression::LocalVariable(variable) = function.expressions[root(function, *pointer)]
        {
            changed.insert(variable);
        }
    }
}

/// What a pointer points into.
fn root(function: &Function, pointer: Handle<Expression>) -> Handle<Expression> {
    match function.expressions[pointer] {
        Expression::Access { base, .. } | Expression::AccessIndex { base, .. } => {
            root(function, base)
        }
        _ => pointer,
    }
}

/// Whether the loop's body begins with `if (variable < bound) {} else { break; }`, or another comparison.
fn has_fixed_bound(
    module: &Module,
    function: &Function,
    body: &Block,
    changed: &HashSet<Handle<LocalVariable>>,
) -> bool {
    let head = body.iter().find(|statement| !matches!(statement, Statement::Emit(_)));
    let Some(Statement::If { condition, accept, reject }) = head else { return false };
    let breaks = |block: &Block| matches!(block.last(), Some(Statement::Break));
    if breaks(accept) == breaks(reject) {
        return false;
    }
    let Expression::Binary { left, right, .. } = function.expressions[*condition] else {
        return false;
    };
    let is_fixed = |expression| is_fixed(module, function, expression, changed);
    let is_counter = |expression| match function.expressions[expression] {
        Expression::Load { pointer } => match function.expressions[pointer] {
            Expression::LocalVariable(variable) => changed.contains(&variable),
            _ => false,
        },
        _ => false,
    };
    is_counter(left) && is_fixed(right)
}

fn is_read_only(space: AddressSpace) -> bool {
    match space {
        AddressSpace::Uniform => true,
        AddressSpace::Storage { access } => !access.contains(StorageAccess::STORE),
        _ => false,
    }
}

fn is_fixed(
    module: &Module,
    function: &Function,
    expression: Handle<Expression>,
    changed: &HashSet<Handle<LocalVariable>>,
) -> bool {
    let all = |parts: &[Handle<Expression>]| {
        parts.iter().all(|part| is_fixed(module, function, *part, changed))
    };
    match &function.expressions[expression] {
        Expression::Literal(_)
        | Expression::Constant(_)
        | Expression::Override(_)
        | Expression::ZeroValue(_)
        | Expression::FunctionArgument(_)
        | Expression::CallResult(_) => true,
        Expression::Load { pointer } => match function.expressions[root(function, *pointer)] {
            Expression::LocalVariable(variable) => !changed.contains(&variable),
            Expression::GlobalVariable(global) => {
                is_read_only(module.global_variables[global].space)
            }
            _ => false,
        },
        Expression::AccessIndex { base, .. } => all(&[*base]),
        Expression::Access { base, index } => all(&[*base, *index]),
        Expression::Unary { expr, .. } | Expression::As { expr, .. } => all(&[*expr]),
        Expression::Binary { left, right, .. } => all(&[*left, *right]),
        Expression::Select { condition, accept, reject } => all(&[*condition, *accept, *reject]),
        Expression::Math { arg, arg1, arg2, arg3, .. } => {
            all(&[*arg]) && [arg1, arg2, arg3].into_iter().flatten().all(|arg| all(&[*arg]))
        }
        Expression::Compose { components, .. } => all(components),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objections(lint: fn(&Module) -> Vec<String>, statements: &str) -> usize {
        let source = format!(
            "@group(0) @binding(0) var<uniform> size: u32;
             @group(0) @binding(1) var<storage, read_write> data: array<u32>;
             var<workgroup> shared_size: u32;
             fn bump(n: ptr<function, u32>) {{ *n = *n + 1u; }}
             @compute @workgroup_size(1) fn main(@builtin(local_invocation_index) local: u32) {{
                 var n = 4u; var x = 1.0; {statements} data[0] = n + u32(x);
             }}"
        );
        lint(&naga::front::wgsl::parse_str(&source).unwrap()).len()
    }

    #[test]
    fn loops_need_a_bound_that_stands() {
        let bounded = [
            "for (var i = 0u; i < 4u; i++) {}",
            "for (var i = local; i < size; i += 2u) { n += i; }",
            "for (var i = 0u; i < min(n, size); i++) { data[i] = n; }",
            "for (var i = 8u; i > 0u; i--) {}",
            "var i = 0u; while (i < size) { i++; }",
        ];
        for statements in bounded {
            assert_eq!(objections(unbounded_loops, statements), 0, "{statements}");
        }
        let unbounded = [
            "loop { if (data[0] > 0u) { break; } }",
            "for (var i = 0u; i < data[1]; i++) {}",
            "for (var i = 0u; i < shared_size; i++) {}",
            "for (var i = 0u; i < n; i++) { n++; }",
            "for (var i = 0u; i < n; i++) { bump(&n); }",
            "while (data[0] == 0u) {}",
            "for (var i = 0u; i < 4u; i++) { loop { n++; if (n > 9u) { break; } } }",
            "while (n < size) {}",
        ];
        for statements in unbounded {
            assert_eq!(objections(unbounded_loops, statements), 1, "{statements}");
        }
    }

    #[test]
    fn tanh_is_found() {
        assert_eq!(objections(builtin_tanh, "x = tanh(x);"), 1);
        assert_eq!(objections(builtin_tanh, "x = exp(x);"), 0);
    }
}
