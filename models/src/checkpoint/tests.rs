//! Round trips, refusals and damage. What Python and libtorch say to the file is tested in `models/tests` and `tests`.

use super::*;
use crate::spec::{
    ActionTerm, Activation, Head, Network, Normalizer, ObservationTerm, Provenance, SPEC_VERSION,
};

/// A 3-2-1 policy with normaliser and squashed head.
fn example() -> Checkpoint {
    let spec = PolicySpec {
        version: SPEC_VERSION,
        environment: "Example-v0".to_string(),
        period_us: 20_000,
        observation: vec![ObservationTerm {
            name: "joint angle".to_string(),
            unit: "rad".to_string(),
            source: Default::default(),
            dim: 3,
            scale: 1.0,
            offset: 0.0,
            clip: Some(8.0),
            history: 1,
        }],
        action: vec![ActionTerm {
            name: "motor".to_string(),
            unit: "N m".to_string(),
            dim: 1,
            scale: 1.0,
            offset: 0.0,
            low: -3.0,
            high: 3.0,
            max_rate: None,
            stiffness: None,
            damping: None,
            time_constant_s: None,
        }],
        network: Network {
            hidden: vec![2],
            activation: Activation::Tanh,
            normalizer: Some(Normalizer { clip: Some(10.0) }),
            head: Head::Tanh {
                scale: vec![3.0],
                offset: vec![0.0],
            },
        },
        provenance: Provenance {
            seed: u64::MAX,
            mean_return: Some(0.1),
            ..Provenance::default()
        },
    };
    let tensor = |shape: &[usize], start: f32| Tensor {
        shape: shape.to_vec(),
        data: (0..shape.iter().product::<usize>())
            .map(|i| start + i as f32 * 0.3)
            .collect(),
    };
    let tensors = [
        ("normalizer.mean", tensor(&[3], -0.1)),
        ("normalizer.std", tensor(&[3], 0.5)),
        ("actor.0.weight", tensor(&[2, 3], -0.7)),
        ("actor.0.bias", tensor(&[2], 0.0)),
        ("actor.1.weight", tensor(&[1, 2], 0.2)),
        ("actor.1.bias", tensor(&[1], f32::MIN_POSITIVE)),
    ];
    Checkpoint {
        spec,
        tensors: tensors.map(|(n, t)| (n.to_string(), t)).into(),
    }
}

/// The whole chain of causes, as a binary prints it.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

#[test]
fn a_checkpoint_survives_the_file_unrounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.pt");
    example().write(&path).unwrap();
    assert_eq!(Checkpoint::read(&path).unwrap(), example());
    assert_eq!(
        read_tensors(&path).unwrap(),
        example().tensors,
        "the tensors alone"
    );
}

#[test]
fn numbers_of_the_contract_come_back_bit_for_bit() {
    let mut random = Xorshift(0x2545_f491_4f6c_dd1d);
    for _ in 0..200 {
        let mut checkpoint = example();
        let mean_return = f64::from_bits(random.next() >> 2);
        let high = f32::from_bits((random.next() >> 34) as u32);
        checkpoint.spec.provenance.mean_return = Some(mean_return);
        checkpoint.spec.action[0].high = high;
        checkpoint.spec.action[0].low = -high;
        let bytes = checkpoint.to_bytes().unwrap();
        let spec = Checkpoint::from_bytes(&bytes).unwrap().spec;
        let read = spec.provenance.mean_return.unwrap();
        assert_eq!(read.to_bits(), mean_return.to_bits(), "{mean_return:e}");
        assert_eq!(spec.action[0].high.to_bits(), high.to_bits(), "{high:e}");
    }
}

#[test]
fn tensor_data_is_stored_and_aligned() {
    let bytes = example().to_bytes().unwrap();
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&bytes)).unwrap();
    for key in 0..6 {
        let file = zip.by_name(&format!("policy/data/{key}")).unwrap();
        assert_eq!(file.compression(), zip::CompressionMethod::Stored);
        assert_eq!(file.data_start().unwrap() % 64, 0, "data/{key}");
    }
}

#[test]
fn tensors_must_be_those_of_the_contract() {
    type Damage = fn(&mut Checkpoint);
    let cases: [(Damage, &str); 9] = [
        (
            |c| drop(c.tensors.remove("actor.1.bias")),
            "`actor.1.bias`: missing",
        ),
        (
            |c| {
                let extra = c.tensors["actor.1.bias"].clone();
                c.tensors.insert("critic.0.bias".into(), extra);
            },
            "`critic.0.bias`: is not part",
        ),
        (
            |c| c.tensors.get_mut("actor.0.weight").unwrap().shape = vec![3, 2],
            "`actor.0.weight`: shape [3, 2], [2, 3]",
        ),
        (
            |c| c.tensors.get_mut("actor.0.weight").unwrap().data[4] = f32::NAN,
            "`actor.0.weight`: element 4 is NaN",
        ),
        (
            |c| c.tensors.get_mut("normalizer.std").unwrap().data[1] = 0.0,
            "`normalizer.std`: element 1",
        ),
        (|c| c.spec.version = 2, "version: 2 where 1"),
        (|c| c.spec.action[0].low = 4.0, "action[0] `motor`.low"),
        (|c| c.spec.observation[0].dim = 0, "observation[0]"),
        (
            |c| {
                c.spec.network.head = Head::Tanh {
                    scale: vec![1.0; 2],
                    offset: vec![0.0],
                }
            },
            "network.head.scale: 2 numbers",
        ),
    ];
    for (damage, expected) in cases {
        let mut checkpoint = example();
        damage(&mut checkpoint);
        let message = chain(&checkpoint.to_bytes().unwrap_err());
        assert!(message.contains(expected), "{message} lacks {expected}");
    }
}

#[test]
fn an_unknown_or_missing_key_of_the_contract_is_named() {
    let bytes = |spec: &str| archive::write(&example().tensors, Some(spec.as_bytes())).unwrap();
    let spec = serde_json::to_string(&example().spec).unwrap();
    for (spec, expected) in [
        (spec.replace("\"dim\"", "\"size\""), "unknown field `size`"),
        (
            spec.replace("\"period_us\":20000,", ""),
            "missing field `period_us`",
        ),
        (spec[..40].to_string(), "spec.json"),
    ] {
        let message = chain(&Checkpoint::from_bytes(&bytes(&spec)).unwrap_err());
        assert!(message.contains(expected), "{message} lacks {expected}");
    }
    let message = chain(
        &Checkpoint::from_bytes(&archive::write(&example().tensors, None).unwrap()).unwrap_err(),
    );
    assert!(
        message.contains("spec.json") && message.contains("missing"),
        "{message}"
    );
}

/// `data.pkl` of a dictionary whose only value is what `value` builds.
fn pickle(value: &[u8]) -> Vec<u8> {
    [b"\x80\x02}X\x01\0\0\0w".as_slice(), value, b"s."].concat()
}

#[test]
fn a_pickle_that_is_no_dictionary_of_float_tensors_is_refused_by_name() {
    let tensor = |storage: &str, size: u8| {
        [
            b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\n".as_slice(),
            storage.as_bytes(),
            b"\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQK\0K",
            &[size],
            b"\x85K\x01\x85\x89}tR",
        ]
        .concat()
    };
    let read = |value: &[u8]| pickle_reader::read(&pickle(value));
    assert_eq!(read(&tensor("FloatStorage", 4)).unwrap()[0].1.shape, [4]);
    let deep = [vec![b')'], vec![0x85; 100_000]].concat();
    let wide = [
        b")".as_slice(),
        &b"q\x01h\x01\x86".repeat(12),
        b"q\x01",
        &b"h\x01".repeat(1000),
    ]
    .concat();
    let long = [
        b"X\0\0\x01\0".as_slice(),
        &[b'a'; 1 << 16],
        b"q\x01",
        &b"h\x01".repeat(1000),
    ]
    .concat();
    for (value, expected) in [
        (tensor("HalfStorage", 4), "torch.HalfStorage"),
        (tensor("DoubleStorage", 4), "torch.DoubleStorage"),
        (b"K\x05".to_vec(), "`w` is an integer"),
        (b"cos\nsystem\n".to_vec(), "`os.system`"),
        (b"K\x05K\x06b".to_vec(), "BUILD"),
        (b"h\x07".to_vec(), "memo 7 is empty"),
        (b"t".to_vec(), "no MARK"),
        (b"\x93".to_vec(), "opcode 0x93"),
        (b"X\xff\xff\xff\xffab".to_vec(), "ends too early"),
        (deep, "nest more than 16"),
        (wide, "values"),
        (long, "values"),
    ] {
        let message = chain(&read(&value).unwrap_err());
        assert!(
            message.contains("data.pkl") && message.contains(expected),
            "{message} lacks {expected}"
        );
    }
}

#[test]
fn a_view_outside_its_storage_is_refused_and_a_strided_one_is_gathered() {
    let record = |offset, shape: &[usize], stride: &[usize]| pickle_value::TensorRecord {
        key: "0".to_string(),
        storage_len: 6,
        storage_offset: offset,
        shape: shape.to_vec(),
        stride: stride.to_vec(),
    };
    let storage = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    let gather = |offset, shape: &[usize], stride: &[usize]| {
        archive::gather(&record(offset, shape, stride), &storage)
    };
    assert_eq!(
        gather(0, &[3, 2], &[1, 3]).unwrap(),
        [0.0, 3.0, 1.0, 4.0, 2.0, 5.0],
        "a transposed view"
    );
    assert_eq!(gather(5, &[], &[]).unwrap(), [5.0], "a scalar");
    assert_eq!(gather(1, &[2, 3], &[3, 1]), None);
    assert_eq!(gather(usize::MAX, &[2], &[usize::MAX]), None);
    assert_eq!(gather(0, &[usize::MAX, usize::MAX], &[0, 0]), None);
}

/// Xorshift (Marsaglia 2003): the same damage in every run, without a dependency.
struct Xorshift(u64);

impl Xorshift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

#[test]
fn a_thousand_truncations_and_bit_flips_never_panic_and_never_change_the_policy() {
    let whole = example().to_bytes().unwrap();
    let mut random = Xorshift(0x9e37_79b9_7f4a_7c15);
    for _ in 0..1000 {
        let len = random.below(whole.len());
        assert!(
            Checkpoint::from_bytes(&whole[..len]).is_err(),
            "cut at {len}"
        );
    }
    let mut n_refused = 0;
    for _ in 0..1000 {
        let mut bytes = whole.clone();
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
        // A flip in padding or in a time stamp is harmless; every other one must be noticed.
        match Checkpoint::from_bytes(&bytes) {
            Ok(read) => assert_eq!(read, example(), "flip at {at}"),
            Err(error) => {
                assert!(!chain(&error).is_empty());
                n_refused += 1;
            }
        }
    }
    assert!(
        n_refused > 400,
        "only {n_refused} of 1000 flips were noticed"
    );
}
