//! [`kernels`]: checksums of what the runtime's kernels compute, of every width. A board whose processor has kernels of its own
//! must log the same numbers as one that has none.

#[cfg(feature = "zip")]
use rlfd_runtime::nn::ZipFunction;
use rlfd_runtime::nn::{Function, dense};

use crate::port::Port;
use crate::text::log_decimal;

/// Widest layer.
const WIDTHS: usize = 200;

/// Most inputs: full turns of every loop and a rest.
const INPUTS: usize = 21;

/// Memory of a check, too large for a stack.
#[derive(Debug)]
pub struct Scratch {
    weight: [f32; WIDTHS * INPUTS],
    output: [f32; WIDTHS],
}

impl Scratch {
    /// Zeros.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            weight: [0.0; WIDTHS * INPUTS],
            output: [0.0; WIDTHS],
        }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes one `name checksum` line per kernel to the log.
pub fn kernels(scratch: &mut Scratch, port: &mut impl Port) {
    let mut random = Random(0x2545_F491);
    let mut sum = Checksum::new();
    for width in 1..=WIDTHS {
        let inputs = 1 + width % INPUTS;
        layer(width, inputs, scratch, &mut random, &mut sum);
    }
    found("dense", &sum, port);
    for (name, function) in [
        ("relu", Function::Relu),
        ("tanh", Function::Tanh),
        ("sigmoid", Function::Sigmoid),
        ("elu", Function::Elu),
    ] {
        let mut sum = Checksum::new();
        for count in 1..=WIDTHS {
            let values = scratch.output.get_mut(..count).unwrap_or_default();
            random.any(values);
            function.apply([1.0, 0.0], values);
            sum.add(values);
        }
        found(name, &sum, port);
    }
    #[cfg(feature = "zip")]
    for (name, function) in [
        ("add", ZipFunction::Add),
        ("subtract", ZipFunction::Sub),
        ("multiply", ZipFunction::Mul),
    ] {
        let mut sum = Checksum::new();
        for count in 1..=WIDTHS {
            let others = scratch.weight.get_mut(..count).unwrap_or_default();
            random.any(others);
            let values = scratch.output.get_mut(..count).unwrap_or_default();
            random.any(values);
            function.apply(false, [1, count, 1], values, others);
            sum.add(values);
        }
        found(name, &sum, port);
    }
    #[cfg(feature = "quantized")]
    integers(scratch, &mut random, port);
}

fn layer(
    width: usize,
    inputs: usize,
    scratch: &mut Scratch,
    random: &mut Random,
    sum: &mut Checksum,
) {
    let (mut input, mut bias) = ([0.0; INPUTS], [0.0; WIDTHS]);
    let input = input.get_mut(..inputs).unwrap_or_default();
    let bias = bias.get_mut(..width).unwrap_or_default();
    let weight = scratch.weight.get_mut(..width * inputs).unwrap_or_default();
    let output = scratch.output.get_mut(..width).unwrap_or_default();
    random.fill(input);
    random.fill(bias);
    random.fill(weight);
    dense::dense(weight, bias, input, output);
    sum.add(output);
    dense::accumulate(weight, input, output);
    sum.add(output);
}

/// Layers of 8-bit weights, whose bytes are those of the numbers in the scratch memory.
#[cfg(feature = "quantized")]
fn integers(scratch: &mut Scratch, random: &mut Random, port: &mut impl Port) {
    use rlfd_runtime::nn::dense_quantized::{Output, dense_i8};

    let mut sum = Checksum::new();
    for width in 1..=WIDTHS {
        let inputs = 2 * (1 + width % (INPUTS / 2));
        let mut weight = [0; WIDTHS * INPUTS];
        let weight = weight
            .get_mut(..inputs * width.next_multiple_of(2))
            .unwrap_or_default();
        let mut input = [0; INPUTS];
        let input = input.get_mut(..inputs).unwrap_or_default();
        let (mut bias, mut multiplier) = ([0; WIDTHS], [0.0; WIDTHS]);
        let bias = bias.get_mut(..width).unwrap_or_default();
        let multiplier = multiplier.get_mut(..width).unwrap_or_default();
        for place in &mut *weight {
            *place = random.next() as u8;
        }
        for place in &mut *input {
            *place = random.next() as i16 >> 7;
        }
        for place in &mut *bias {
            *place = (random.next() >> 16).cast_signed();
        }
        for place in &mut *multiplier {
            *place = (random.next() & 0xFF) as f32 * 1e-5;
        }
        let mut values = [0; WIDTHS + 1];
        let values = values
            .get_mut(..width.next_multiple_of(2))
            .unwrap_or_default();
        let (low, high) = if width % 3 == 0 {
            (0, 127)
        } else {
            (-100, 127)
        };
        let output = Output::Integers {
            values: &mut *values,
            low,
            high,
        };
        dense_i8(weight, bias, multiplier, input, output);
        for value in values {
            sum.word((*value).cast_unsigned().into());
        }
        let reals = scratch.output.get_mut(..width).unwrap_or_default();
        dense_i8(weight, bias, multiplier, input, Output::Reals(&mut *reals));
        sum.add(reals);
    }
    found("dense_i8", &sum, port);
}

/// Numbers from a linear feedback shift register.
struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    /// Between -2 and 2.
    fn fill(&mut self, places: &mut [f32]) {
        for place in places {
            *place = (self.next() >> 8) as f32 * (4.0 / 16_777_216.0) - 2.0;
        }
    }

    /// Between -2 and 2, and here and there any number at all.
    fn any(&mut self, places: &mut [f32]) {
        self.fill(places);
        for place in places {
            if self.next() & 7 == 0 {
                *place = f32::from_bits(self.next());
            }
        }
    }
}

/// FNV-1a of the bits of numbers; all NaN are one.
struct Checksum(u32);

impl Checksum {
    fn new() -> Self {
        Self(0x811C_9DC5)
    }

    fn word(&mut self, word: u32) {
        for byte in word.to_le_bytes() {
            self.0 = (self.0 ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }

    fn add(&mut self, numbers: &[f32]) {
        for number in numbers {
            self.word(if number.is_nan() { 1 } else { number.to_bits() });
        }
    }
}

fn found(name: &str, sum: &Checksum, port: &mut impl Port) {
    port.log("checksum_");
    port.log(name);
    port.log(" ");
    log_decimal(sum.0.into(), port);
    port.log("\n");
}
