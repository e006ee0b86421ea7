//! A policy as the C program one would write by hand: loops over row-major weights, compiled by gcc.

use std::ffi::c_void;
use std::fmt::{Display, Write as _};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::library;
use super::workload::{Layer, Net, Workload};

pub const FLAGS: [&str; 3] = ["-O3", "-march=native", "-ffast-math"];

pub type Step = unsafe extern "C" fn(observation: *const f32, action: *mut f32);

/// Source of `void step(const float *observation, float *action)`.
pub fn source(workload: &Workload) -> String {
    let mut text = "#include <math.h>\n".to_owned();
    let mut body = String::new();
    match &workload.net {
        Net::Perceptron { layers, activation } => {
            perceptron(layers, activation, &mut text, &mut body)
        }
        Net::Gru {
            of_input,
            of_state,
            head,
        } => {
            for (name, layer) in [("i", of_input), ("s", of_state), ("h", head)] {
                parameters(name, layer, &mut text);
            }
            let hidden = of_state.inputs;
            _ = writeln!(text, "static float state[{hidden}];");
            dense("i", of_input, "observation", "gi", &mut body);
            dense("s", of_state, "state", "gs", &mut body);
            _ = writeln!(
                body,
                "for (int k = 0; k < {hidden}; k++) {{\n\
                 float z = 1 / (1 + expf(-(gi[k] + gs[k])));\n\
                 float r = 1 / (1 + expf(-(gi[{hidden} + k] + gs[{hidden} + k])));\n\
                 float c = tanhf(gi[{n} + k] + r * gs[{n} + k]);\n\
                 state[k] = c + z * (state[k] - c);\n}}",
                n = 2 * hidden,
            );
            dense("h", head, "state", "out", &mut body);
            copy_out("out", head.outputs, &mut body);
        }
        Net::Quantised {
            layers,
            input_scale,
            output_scale,
        } => {
            let first = layers.first().map_or(0, |layer| layer.inputs);
            _ = writeln!(body, "signed char x0[{first}];");
            _ = writeln!(
                body,
                "for (int k = 0; k < {first}; k++) {{ float q = rintf(observation[k] / {input_scale:e}f);\n\
                 x0[k] = q < -128 ? -128 : q > 127 ? 127 : q; }}"
            );
            for (index, layer) in layers.iter().enumerate() {
                array(
                    "signed char",
                    &format!("w{index}"),
                    &layer.weight,
                    &mut text,
                );
                array("int", &format!("b{index}"), &layer.bias, &mut text);
                let (low, next) = (if index + 1 < layers.len() { 0 } else { -128 }, index + 1);
                _ = writeln!(
                    body,
                    "signed char x{next}[{outputs}];\n\
                     for (int o = 0; o < {outputs}; o++) {{ int sum = b{index}[o];\n\
                     for (int i = 0; i < {inputs}; i++) sum += w{index}[o * {inputs} + i] * x{index}[i];\n\
                     float q = rintf(sum * {multiplier:e}f);\n\
                     x{next}[o] = q < {low} ? {low} : q > 127 ? 127 : q; }}",
                    outputs = layer.outputs,
                    inputs = layer.inputs,
                    multiplier = layer.multiplier,
                );
            }
            let (last, outputs) = (layers.len(), workload.action_dim);
            _ = writeln!(
                body,
                "for (int k = 0; k < {outputs}; k++) action[k] = x{last}[k] * {output_scale:e}f;"
            );
        }
    }
    _ = write!(
        text,
        "void step(const float *observation, float *action) {{\n{body}}}\n"
    );
    text
}

fn perceptron(layers: &[Layer], activation: &str, text: &mut String, body: &mut String) {
    let mut here = "observation".to_owned();
    for (index, layer) in layers.iter().enumerate() {
        parameters(&index.to_string(), layer, text);
        let to = format!("x{index}");
        dense(&index.to_string(), layer, &here, &to, body);
        if index + 1 < layers.len() {
            let function = match activation {
                "Relu" => "v < 0 ? 0 : v",
                "Elu" => "v > 0 ? v : expm1f(v)",
                _ => "tanhf(v)",
            };
            _ = writeln!(
                body,
                "for (int o = 0; o < {}; o++) {{ float v = {to}[o]; {to}[o] = {function}; }}",
                layer.outputs
            );
        }
        here = to;
    }
    copy_out(&here, layers.last().map_or(0, |layer| layer.outputs), body);
}

fn parameters(name: &str, layer: &Layer, text: &mut String) {
    array("float", &format!("w{name}"), &layer.weight, text);
    array("float", &format!("b{name}"), &layer.bias, text);
}

fn array<T: Display + std::fmt::LowerExp>(kind: &str, name: &str, data: &[T], text: &mut String) {
    let suffix = if kind == "float" { "f" } else { "" };
    _ = write!(text, "static const {kind} {name}[] = {{");
    for number in data {
        _ = match suffix {
            "f" => write!(text, "{number:e}f,"),
            _ => write!(text, "{number},"),
        };
    }
    text.push_str("};\n");
}

fn dense(name: &str, layer: &Layer, from: &str, to: &str, body: &mut String) {
    let (inputs, outputs) = (layer.inputs, layer.outputs);
    _ = writeln!(
        body,
        "float {to}[{outputs}];\n\
         for (int o = 0; o < {outputs}; o++) {{ float sum = b{name}[o];\n\
         for (int i = 0; i < {inputs}; i++) sum += w{name}[o * {inputs} + i] * {from}[i];\n\
         {to}[o] = sum; }}"
    );
}

fn copy_out(from: &str, outputs: usize, body: &mut String) {
    _ = writeln!(
        body,
        "for (int o = 0; o < {outputs}; o++) action[o] = {from}[o];"
    );
}

/// Compiles and loads a workload's program; it stays loaded.
pub fn load(workload: &Workload, folder: &Path) -> Result<Step> {
    let code = folder.join(format!("{}.c", workload.name));
    let library = folder.join(format!("lib{}.so", workload.name));
    std::fs::write(&code, source(workload))?;
    let status = Command::new("gcc")
        .args(FLAGS)
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &code])
        .arg("-lm")
        .status()
        .context("cannot start gcc")?;
    if !status.success() {
        bail!("gcc does not compile {}", code.display());
    }
    let step = library::function(&library, c"step")?;
    // SAFETY: the symbol is the function written above, of that type.
    Ok(unsafe { std::mem::transmute::<*mut c_void, Step>(step) })
}
