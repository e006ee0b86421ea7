//! The functions of an image's operations by their codes, which are part of the image's format.

/// Functions of one number.
pub mod map {
    use rlfd_runtime::nn::Function;
    macro_rules! codes {
        ($($name:ident = $function:ident),* $(,)?) => {
            $(#[allow(missing_docs)] pub const $name: u8 = Function::$function as u8;)*
        };
    }
    codes! {
        RELU = Relu, ELU = Elu, TANH = Tanh, SIGMOID = Sigmoid, LEAKY_RELU = LeakyRelu, SELU = Selu, SOFTPLUS = Softplus,
        SOFTSIGN = Softsign, GELU = Gelu, GELU_TANH = GeluTanh, HARD_SIGMOID = HardSigmoid, HARD_SWISH = HardSwish,
        MISH = Mish, SILU = Silu, CLIP = Clip, NEG = Neg, ABS = Abs, SQRT = Sqrt, EXP = Exp, LOG = Log,
        RECIPROCAL = Reciprocal, FLOOR = Floor, CEIL = Ceil, ROUND = Round, SIGN = Sign, ERF = Erf, SIN = Sin, COS = Cos,
        NOT = Not, TRUNC = Trunc, BOOL = Bool,
    }
}

/// Functions of two numbers.
pub mod zip {
    use rlfd_runtime::nn::ZipFunction;
    macro_rules! codes {
        ($($name:ident = $function:ident),* $(,)?) => {
            $(#[allow(missing_docs)] pub const $name: u8 = ZipFunction::$function as u8;)*
        };
    }
    codes! {
        ADD = Add, SUB = Sub, MUL = Mul, DIV = Div, POW = Pow, MIN = Min, MAX = Max, LESS = Less,
        LESS_OR_EQUAL = LessOrEqual, GREATER = Greater, GREATER_OR_EQUAL = GreaterOrEqual, EQUAL = Equal, AND = And,
        OR = Or, XOR = Xor, PRELU = PRelu, FMOD = Fmod, MOD = Mod,
    }
}

/// Functions of many numbers.
#[allow(missing_docs)]
pub mod reduce {
    pub const SUM: u8 = 1;
    pub const MEAN: u8 = 2;
    pub const MAX: u8 = 3;
    pub const MIN: u8 = 4;
    pub const PROD: u8 = 5;
    pub const L1: u8 = 6;
    pub const L2: u8 = 7;
    pub const SUM_SQUARE: u8 = 8;
}
