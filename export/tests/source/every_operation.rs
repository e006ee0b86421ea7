// Written by `export rust` from the policy image with CRC-32 9715159b; answers what it answers, bit for bit.
// Needs rlfd-runtime with the features functions, half, quantized, tensor, zip.

/// Numbers in an observation.
pub const OBSERVATION_DIM: usize = 6;
/// Numbers in an action.
pub const ACTION_DIM: usize = 125;

/// An observation, and what is answered to it in the reset state.
#[allow(clippy::all)]
#[rustfmt::skip]
pub const GOLDEN_OBSERVATION: [f32; OBSERVATION_DIM] = [0.5, -0.25, 0.125, 1.0, -0.75, 0.3];
/// See [`GOLDEN_OBSERVATION`].
#[allow(clippy::all)]
#[rustfmt::skip]
pub const GOLDEN_ACTION: [f32; ACTION_DIM] = [-0.34968108, -0.2619799, 1.4029796, -0.8233495, 0.40074065, -0.6864518, -0.50025487, 2.810138, -1.5972779, 1.3212517, 0.4641275, 0.52685046, 0.6827103, -0.3322017, 0.634864, -0.53264934, -0.05927258, -0.3779741, -0.22155249, 0.3767672, -0.61776453, 0.49988115, 0.6938083, -0.707087, -0.13798097, -0.73487806, -0.34753743, -0.49266952, 0.6321367, 0.5543406, 0.6538138, -0.37040588, -0.301303, 0.1303991, -0.5301589, -0.1569824, -0.08566575, 0.33974308, 0.5479471, 0.66181046, -0.5033547, 0.74321914, -0.32077312, 0.75540745, 0.13441932, -0.57121783, -0.17582695, 0.41384736, -0.48454005, 0.7115478, 0.529878, 0.5344061, 0.7334702, -0.64206487, -0.26015037, -0.56969184, -0.02486944, 0.64663804, -0.7104671, -0.76099455, -0.75010633, -0.45441538, 0.44511035, -0.24126177, -0.519108, 0.5735865, -0.321406, -0.10850012, 0.48630136, 0.7416631, -0.5240374, -0.41588432, -0.49660555, 0.16419147, 0.19286157, -0.16477114, 0.66192305, -0.0015854823, 0.61334604, -0.7576807, 1.0639138, 0.97412944, 0.0035183504, 1.0000527, -0.18884963, 0.536913, -0.03981319, 0.54945326, -1.9182636, -3.3254218, 0.65486014, 0.8044591, 0.61336225, -0.4590435, -2.141084, 0.689942, 0.4720486, 0.67122185, -1.3115005, 0.019784272, 0.33559778, 0.26989147, 0.32937378, 0.045352753, -0.37055442, -0.34140408, -0.50714016, 0.6056481, 0.0947124, -0.40697417, -0.38079634, -0.47155604, 0.6131035, 0.14819852, 1.0, -27.986002, -470.196, 423.033, 1158.04, -0.03, -0.02, 0.02, 0.049999997, 0.43229052, 0.20974882];

/// The policy with the memory it works in, 792 bytes.
#[derive(Clone, Debug)]
pub struct GeneratedPolicy {
    arena: [f32; 198],
}

impl Default for GeneratedPolicy {
    fn default() -> Self {
        Self::new()
    }
}

impl GeneratedPolicy {
    /// In the reset state.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            arena: [0.0; 198],
        }
    }

    /// Whether this machine computes the golden action, bit for bit. The policy is reset by this.
    #[must_use]
    #[allow(dead_code)]
    pub fn self_test(&mut self) -> bool {
        let mut action = [0.0; ACTION_DIM];
        *self = Self::new();
        self.step(&GOLDEN_OBSERVATION, &mut action);
        *self = Self::new();
        action.map(f32::to_bits) == GOLDEN_ACTION.map(f32::to_bits)
    }

    /// The action for an observation.
    #[allow(clippy::all)]
    pub fn step(&mut self, observation: &[f32; OBSERVATION_DIM], action: &mut [f32; ACTION_DIM]) {
        let arena = &mut self.arena;
        arena[2..8].copy_from_slice(&observation[0..6]);
        // Dense 3 -> 5 ×2 Elu(1)
        {
            let (before, rest) = arena.split_at_mut(8);
            let (out, _) = rest.split_at_mut(10);
            let (input, bias): (&[f32], &[f32]) = (&before[2..8], &[]);
            let _ = bias;
            for (input, out) in input.chunks_exact(3).zip(out.chunks_exact_mut(5)) { out.fill(0.0); rlfd_runtime::nn::dense::accumulate(&F32_0_15.0, input, out); }
            rlfd_runtime::nn::Function::Elu.apply([1.0, 0.0], out);
        }
        // Dense 3 -> 5 ×2  onto what is there
        {
            let (before, rest) = arena.split_at_mut(18);
            let (out, _) = rest.split_at_mut(10);
            let (input, bias): (&[f32], &[f32]) = (&before[2..8], &before[8..18]);
            for ((input, bias), out) in input.chunks_exact(3).zip(bias.chunks_exact(5)).zip(out.chunks_exact_mut(5)) { rlfd_runtime::nn::dense::dense(&F32_16_15.0, bias, input, out); }
        }
        // Dense 2 -> 70 Tanh
        {
            let (before, rest) = arena.split_at_mut(28);
            let (out, _) = rest.split_at_mut(70);
            let (input, bias): (&[f32], &[f32]) = (&before[0..2], &F32_172_70.0);
            rlfd_runtime::nn::dense::dense(&F32_32_140.0, bias, input, out);
            rlfd_runtime::nn::Function::Tanh.apply([1.0, 0.0], out);
        }
        // Dense 6 -> 4 f16
        {
            let (before, rest) = arena.split_at_mut(98);
            let (out, _) = rest.split_at_mut(4);
            let (input, bias): (&[f32], &[f32]) = (&before[2..8], &F32_256_4.0);
            out.copy_from_slice(bias); rlfd_runtime::nn::dense_half::accumulate(&U16_244_12.0, input, out);
        }
        // Zip Add 1x10x1
        {
            let (_, rest) = arena.split_at_mut(8);
            let (out, after) = rest.split_at_mut(10);
            rlfd_runtime::nn::ZipFunction::Add.apply(false, [1, 10, 1], out, &after[0..10]);
        }
        // Zip Sub 2x5x1 with a constant
        {
            let (before, rest) = arena.split_at_mut(102);
            let (out, _) = rest.split_at_mut(10);
            out.copy_from_slice(&before[8..18]);
            rlfd_runtime::nn::ZipFunction::Sub.apply(true, [2, 5, 1], out, &F32_260_5.0);
        }
        // Map Abs 10
        {
            let (before, rest) = arena.split_at_mut(112);
            let (out, _) = rest.split_at_mut(10);
            out.copy_from_slice(&before[102..112]);
            rlfd_runtime::nn::Function::Abs.apply([1.0, 0.0], out);
        }
        // Map Sigmoid 10
        {
            let (_, rest) = arena.split_at_mut(112);
            let (out, _) = rest.split_at_mut(10);
            rlfd_runtime::nn::Function::Sigmoid.apply([1.0, 0.0], out);
        }
        // Map Relu 10
        {
            let (before, rest) = arena.split_at_mut(122);
            let (out, _) = rest.split_at_mut(10);
            out.copy_from_slice(&before[102..112]);
            rlfd_runtime::nn::Function::Relu.apply([1.0, 0.0], out);
        }
        // Select 10
        {
            let (before, rest) = arena.split_at_mut(132);
            let (out, _) = rest.split_at_mut(10);
            rlfd_runtime::nn::select::select(&before[122..132], &before[112..122], &before[102..112], out);
        }
        // Copy 10 -> 10
        {
            let (before, rest) = arena.split_at_mut(142);
            let (out, _) = rest.split_at_mut(10);
            rlfd_runtime::nn::copy::copy(&I32_268_9.0, &before[132..142], out);
        }
        // Gather 2 of 10
        {
            let (before, rest) = arena.split_at_mut(152);
            let (out, _) = rest.split_at_mut(2);
            rlfd_runtime::nn::gather::gather(&before[142..152], &F32_280_2.0, [10, 1], out);
        }
        // MatMul 1x2 by 2x5
        {
            let (before, rest) = arena.split_at_mut(154);
            let (out, _) = rest.split_at_mut(5);
            rlfd_runtime::nn::matmul::matmul(&before[152..154], &before[142..152], [1, 2, 5], out);
        }
        // Conv 1x1x6 -> 2x1x4, kernel 1x3 Relu
        {
            let (before, rest) = arena.split_at_mut(159);
            let (out, _) = rest.split_at_mut(8);
            rlfd_runtime::nn::conv::ConvShape::from_words([1, 1, 1, 6, 2, 1, 3, 1, 4, 1, 1, 0, 0, 1, 1]).run(&before[2..8], &F32_300_6.0, &F32_308_2.0, out);
            rlfd_runtime::nn::Function::Relu.apply([1.0, 0.0], out);
        }
        // Reduce function 2 2x4x1
        {
            let (before, rest) = arena.split_at_mut(167);
            let (out, _) = rest.split_at_mut(2);
            rlfd_runtime::nn::reduce::Reduction::Mean.apply(&before[159..167], [4, 1], out);
        }
        // Softmax function 0 1x5x1
        {
            let (before, rest) = arena.split_at_mut(169);
            let (out, _) = rest.split_at_mut(5);
            rlfd_runtime::nn::softmax::softmax(false, &before[154..159], [5, 1], out);
        }
        // LayerNorm 5 ×2
        {
            let (before, rest) = arena.split_at_mut(174);
            let (out, _) = rest.split_at_mut(10);
            rlfd_runtime::nn::layer_norm::layer_norm(&before[8..18], 5, 1e-5, Some(&F32_312_5.0), None, out);
        }
        // ArgMax function 1 1x5x1
        {
            let (before, rest) = arena.split_at_mut(184);
            let (out, _) = rest.split_at_mut(1);
            rlfd_runtime::nn::arg_max::arg_max(1, &before[169..174], [5, 1], out);
        }
        // Quantize 6
        {
            let (before, rest) = arena.split_at_mut(185);
            let (out, _) = rest.split_at_mut(3);
            rlfd_runtime::nn::quantize::quantize(rlfd_runtime::nn::quantize::QuantizedType::I8, 0.05, 3.0, &before[2..8], rlfd_runtime::nn::words::as_i16_mut(out));
        }
        // DenseQuantized 6 -> 4 i8 to integers
        {
            let (before, rest) = arena.split_at_mut(188);
            let (out, _) = rest.split_at_mut(2);
            let input: &[f32] = &before[185..188];
            for (input, out) in input.chunks_exact(3).zip(out.chunks_exact_mut(2)) {
                rlfd_runtime::nn::dense_quantized::dense_i8(&U8_320_6.0, &I32_328_4.0, &F32_332_4.0, rlfd_runtime::nn::words::as_i16(input), rlfd_runtime::nn::dense_quantized::Output::Integers { values: rlfd_runtime::nn::words::as_i16_mut(out), low: -100, high: 90 });
            }
        }
        // DenseQuantized 6 -> 4 i16 to f32
        {
            let (before, rest) = arena.split_at_mut(190);
            let (out, _) = rest.split_at_mut(4);
            let input: &[f32] = &before[185..188];
            for (input, out) in input.chunks_exact(3).zip(out.chunks_exact_mut(4)) {
                rlfd_runtime::nn::dense_quantized::dense_i16(&I16_336_12.0, &I32_328_4.0, &F32_332_4.0, rlfd_runtime::nn::words::as_i16(input), rlfd_runtime::nn::dense_quantized::Output::Reals(out));
            }
        }
        // Dequantize 4
        {
            let (before, rest) = arena.split_at_mut(194);
            let (out, _) = rest.split_at_mut(4);
            rlfd_runtime::nn::quantize::dequantize(0.01, rlfd_runtime::nn::words::as_i16(&before[188..190]), out);
        }
        // Map Tanh 2
        {
            let (_, rest) = arena.split_at_mut(0);
            let (out, after) = rest.split_at_mut(2);
            out.copy_from_slice(&after[165..167]);
            rlfd_runtime::nn::Function::Tanh.apply([1.0, 0.0], out);
        }
        action[0..10].copy_from_slice(&arena[8..18]);
        action[10..80].copy_from_slice(&arena[28..98]);
        action[80..84].copy_from_slice(&arena[98..102]);
        action[84..94].copy_from_slice(&arena[142..152]);
        action[94..99].copy_from_slice(&arena[154..159]);
        action[99..104].copy_from_slice(&arena[169..174]);
        action[104..114].copy_from_slice(&arena[174..184]);
        action[114..115].copy_from_slice(&arena[184..185]);
        action[115..119].copy_from_slice(&arena[190..194]);
        action[119..123].copy_from_slice(&arena[194..198]);
        action[123..125].copy_from_slice(&arena[0..2]);
    }
}

impl rlfd_runtime::Policy for GeneratedPolicy {
    fn shape(&self) -> rlfd_runtime::Shape {
        rlfd_runtime::Shape {
            observation_dim: OBSERVATION_DIM,
            action_dim: ACTION_DIM,
        }
    }

    fn reset(&mut self) {
        self.arena[..2].fill(0.0);
    }

    fn act(&mut self, observation: &[f32], action: &mut [f32]) {
        match (observation.try_into(), <&mut [f32; ACTION_DIM]>::try_from(&mut *action)) {
            (Ok(observation), Ok(action)) => self.step(observation, action),
            _ => action.fill(f32::NAN),
        }
    }
}

#[allow(clippy::all)]
#[rustfmt::skip]
static F32_0_15: rlfd_runtime::image::Aligned<[f32; 15]> = rlfd_runtime::image::Aligned([
    -0.35480297, -0.28667414, 0.89858174, -0.81929076, 0.051919818, -0.20931685, 0.7826506, 0.106909156, 0.019585133, -0.58086634, 0.9522748, 0.737849,
    0.56341875, -0.5645964, 0.9798546,
]);

#[allow(clippy::all)]
#[rustfmt::skip]
static F32_16_15: rlfd_runtime::image::Aligned<[f32; 15]> = rlfd_runtime::image::Aligned([
    -0.27021813, 0.061567545, 0.9621719, 0.26613128, -0.749104, 0.7059318, -0.32978845, -0.17950928, 0.9753438, -0.37440896, -0.20839667, 0.49716997,
    -0.8717233, 0.44935632, 0.75499034,
]);

#[allow(clippy::all)]
#[rustfmt::skip]
static F32_32_140: rlfd_runtime::image::Aligned<[f32; 140]> = rlfd_runtime::image::Aligned([
    -0.6665429, -0.76564825, -0.30190277, -0.66985464, -0.93920577, -0.9985573, 0.41248786, -0.2693342, -0.90425265, 0.20722461, 0.12989807, -0.3268398,
    0.89096045, -0.21486104, 0.3644724, 0.9241798, 0.27198458, -0.5223794, 0.09508586, -0.6188297, -0.21998191, -0.14610279, 0.62350225, -0.7263473,
    -0.5684539, -0.017460465, 0.49400997, 0.27775288, 0.39830756, -0.48961973, -0.80465615, -0.72685134, 0.60036004, 0.4729712, -0.07483876, -0.4649179,
    -0.09323597, -0.036218166, 0.3294605, -0.0683893, -0.28212857, -0.24438524, 0.28392076, -0.021532774, 0.7279812, 0.2516774, 0.46229804, -0.86233795,
    -0.7079649, -0.04048145, 0.16515243, -0.94431067, 0.88453174, -0.12737548, -0.26929295, 0.6040193, 0.88386667, -0.54649687, -0.91045356, -0.21882105,
    0.39841473, 0.1140008, 0.14347827, -0.83881176, 0.29254758, -0.60354877, 0.29204106, -0.5342901, -0.6391362, -0.71049845, 0.6128769, 0.63273954,
    -0.29798937, -0.6122391, -0.5520928, 0.50560904, -0.4664415, 0.26586258, -0.96545553, -0.9147842, 0.9908105, -0.16949213, -0.102151155, 0.9582118,
    -0.7779795, 0.46365273, -0.35152173, 0.88220775, 0.63608754, -0.6921313, 0.9322556, -0.97397804, -0.90454125, -0.1388892, 0.49422276, -0.51882815,
    0.12413347, 0.1182189, -0.68643165, 0.097372055, 0.34804547, -0.8150073, 0.3922099, -0.6488149, -0.8474617, 0.7483084, -0.76348495, 0.28851295,
    -0.8285376, 0.040888786, -0.8594723, 0.7168217, -0.954983, -0.5884967, 0.6906382, -0.4808023, -0.45980394, -0.5017661, 0.421265, 0.7614106,
    0.11543524, 0.97471476, -0.14030361, -0.49197888, 0.2963667, 0.58330214, -0.26604855, 0.829003, -0.5541415, -0.92229533, -0.2152394, -0.020212054,
    0.7784164, -0.18478, -0.82159793, -0.29203677, -0.21355438, -0.9469706, 0.71526587, -0.7856182,
]);

#[allow(clippy::all)]
#[rustfmt::skip]
static F32_172_70: rlfd_runtime::image::Aligned<[f32; 70]> = rlfd_runtime::image::Aligned([
    0.5025593, 0.5857754, 0.8341727, -0.34530103, 0.74952245, -0.59383655, -0.059342146, -0.397694, -0.22528815, 0.3962866, -0.7213818, 0.5491476,
    0.8552617, -0.8813338, -0.13886678, -0.9392512, -0.36264014, -0.5395794, 0.744967, 0.6246258, 0.78193116, -0.38889349, -0.31095207, 0.13114583,
    -0.5903661, -0.15829134, -0.08587623, 0.35380208, 0.6154429, 0.79602814, -0.55378914, 0.9576329, -0.33250868, 0.9854313, 0.13523781, -0.6493286,
    -0.17767322, 0.4402448, -0.52890027, 0.89031196, 0.5899756, 0.5962925, 0.9361973, -0.76167893, -0.26626968, -0.6470665, -0.024874568, 0.76949894,
    -0.8881264, -0.9985738, -0.9731982, -0.4902507, 0.47858584, -0.24611342, -0.57511795, 0.6528516, -0.33321428, -0.10892892, 0.5312046, 0.95416546,
    -0.5818895, -0.44270527, -0.5447904, 0.16569126, 0.19530761, -0.16628706, 0.7962285, -0.0015854836, 0.7142676, -0.9907471,
]);

#[allow(clippy::all)]
#[rustfmt::skip]
static F32_256_4: rlfd_runtime::image::Aligned<[f32; 4]> = rlfd_runtime::image::Aligned([
    0.8920388, 0.7981956, -0.17647433, 0.81282735,
]);

#[allow(clippy::all)]
#[rustfmt::skip]
static F32_260_5: rlfd_runtime::image::Aligned<[f32; 5]> = rlfd_runtime::image::Aligned([
    -0.5385307, -0.3017931, -0.51528394, -0.18287742, 0.86220825,
]);

#[allow(clippy::all)]
#[rustfmt::skip]
static F32_280_2: rlfd_runtime::image::Aligned<[f32; 2]> = rlfd_runtime::image::Aligned([
    1.0, -2.0,
]);

#[allow(clippy::all)]
#[rustfmt::skip]
static F32_300_6: rlfd_runtime::image::Aligned<[f32; 6]> = rlfd_runtime::image::Aligned([
    0.9187014, -0.66929483, -0.14542687, 0.8731929, 0.03130281, -0.80938184,
]);

#[allow(clippy::all)]
#[rustfmt::skip]
static F32_308_2: rlfd_runtime::image::Aligned<[f32; 2]> = rlfd_runtime::image::Aligned([
    0.12270808, -0.5449331,
]);

#[allow(clippy::all)]
#[rustfmt::skip]
static F32_312_5: rlfd_runtime::image::Aligned<[f32; 5]> = rlfd_runtime::image::Aligned([
    0.67455304, 0.7838404, -0.29407895, -0.5203819, 0.22325408,
]);

#[allow(clippy::all)]
#[rustfmt::skip]
static F32_332_4: rlfd_runtime::image::Aligned<[f32; 4]> = rlfd_runtime::image::Aligned([
    0.001, 0.002, 0.003, 0.004,
]);

#[allow(clippy::all)]
#[rustfmt::skip]
static U16_244_12: rlfd_runtime::image::Aligned<[u16; 24]> = rlfd_runtime::image::Aligned([
    12288, 12358, 12428, 12498, 12568, 12638, 12708, 12778, 12848, 12918, 12988, 13058,
    13128, 13198, 13268, 13338, 13408, 13478, 13548, 13618, 13688, 13758, 13828, 13898,
]);

#[allow(clippy::all)]
#[rustfmt::skip]
static I32_268_9: rlfd_runtime::image::Aligned<[i32; 9]> = rlfd_runtime::image::Aligned([
    2, 5, 2, 1, 5, 2, 1, 0, 0,
]);

#[allow(clippy::all)]
#[rustfmt::skip]
static I32_328_4: rlfd_runtime::image::Aligned<[i32; 4]> = rlfd_runtime::image::Aligned([
    5, -70, 900, 0,
]);

#[allow(clippy::all)]
#[rustfmt::skip]
static I16_336_12: rlfd_runtime::image::Aligned<[i16; 24]> = rlfd_runtime::image::Aligned([
    -19254, 28526, -32188, -11099, 24900, -22867, 6765, -13806, 21124, -2377, -5871, 23648,
    -19372, 6259, -31543, 4584, -22033, -3004, 32651, 9984, 12014, -21575, -20322, -30099,
]);

#[allow(clippy::all)]
#[rustfmt::skip]
static U8_320_6: rlfd_runtime::image::Aligned<[u8; 24]> = rlfd_runtime::image::Aligned([
    106, 198, 197, 133, 197, 23, 161, 16, 78, 232, 134, 156,
    68, 6, 77, 194, 246, 143, 3, 185, 47, 141, 6, 99,
]);
