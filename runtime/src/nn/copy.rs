//! Numbers moved from strided places to strided places: transposing, slicing, joining, repeating.
//!
//! The parameters are `[rank, lengths.., strides of the source.., strides of the result.., offset in the source, offset in the result]`, all
//! counted in numbers. A stride of 0 in the source repeats, a negative one runs backwards.

/// Most axes of a copy.
pub const MAX_RANK: usize = 6;

/// The parameters, read.
#[derive(Clone, Copy, Debug)]
struct Walk<'a> {
    lengths: &'a [i32],
    from_strides: &'a [i32],
    to_strides: &'a [i32],
    from: i32,
    to: i32,
}

impl<'a> Walk<'a> {
    fn read(parameters: &'a [i32]) -> Option<Self> {
        let (rank, rest) = parameters.split_first()?;
        let rank = usize::try_from(*rank)
            .ok()
            .filter(|rank| *rank <= MAX_RANK)?;
        let (lengths, rest) = rest.split_at_checked(rank)?;
        let (from_strides, rest) = rest.split_at_checked(rank)?;
        let (to_strides, rest) = rest.split_at_checked(rank)?;
        let &[from, to] = rest else {
            return None;
        };
        Some(Self {
            lengths,
            from_strides,
            to_strides,
            from,
            to,
        })
    }
}

/// Whether the parameters are well formed, every place they lead to lies inside `from_len` and `to_len` numbers, and no more numbers
/// are moved than the result has.
#[must_use]
pub fn check(parameters: &[i32], from_len: usize, to_len: usize) -> bool {
    Walk::read(parameters).is_some_and(|walk| {
        let moves = walk.lengths.iter().try_fold(1_usize, |moves, length| {
            moves.checked_mul(usize::try_from(*length).ok()?)
        });
        moves.is_some_and(|moves| (1..=to_len).contains(&moves))
            && inside(walk.from, walk.lengths, walk.from_strides, from_len)
            && inside(walk.to, walk.lengths, walk.to_strides, to_len)
    })
}

/// Whether the least and the greatest place are inside.
fn inside(offset: i32, lengths: &[i32], strides: &[i32], len: usize) -> bool {
    let (mut least, mut greatest) = (i64::from(offset), i64::from(offset));
    for (length, stride) in lengths.iter().zip(strides) {
        let reach = (i64::from(*length) - 1) * i64::from(*stride);
        if reach < 0 {
            least += reach;
        } else {
            greatest += reach;
        }
    }
    least >= 0 && usize::try_from(greatest).is_ok_and(|greatest| greatest < len)
}

/// Moves the numbers. With parameters that [`check`] refuses, some stay where they are.
pub fn copy(parameters: &[i32], source: &[f32], result: &mut [f32]) {
    let Some(walk) = Walk::read(parameters) else {
        return;
    };
    if walk.lengths.iter().any(|length| *length < 1) {
        return;
    }
    let (mut from, mut to) = (walk.from, walk.to);
    let mut row = (1, 0, 0);
    if let (Some(length), Some(from_stride), Some(to_stride)) = (
        walk.lengths.last(),
        walk.from_strides.last(),
        walk.to_strides.last(),
    ) {
        row = (*length, *from_stride, *to_stride);
    }
    // Rows along the last axis; the other axes count like the digits of an odometer. A function that called itself for each
    // axis would have no bound on its stack that a tool could see.
    let mut counted = [0_i32; MAX_RANK];
    loop {
        move_row(row, from, to, source, result);
        let strides = walk.from_strides.iter().zip(walk.to_strides);
        let axes = walk.lengths.iter().zip(strides).zip(&mut counted);
        let mut is_over = true;
        for ((length, (from_stride, to_stride)), counted) in axes.rev().skip(1) {
            *counted = counted.wrapping_add(1);
            from = from.wrapping_add(*from_stride);
            to = to.wrapping_add(*to_stride);
            if *counted < *length {
                is_over = false;
                break;
            }
            *counted = 0;
            from = from.wrapping_sub(from_stride.wrapping_mul(*length));
            to = to.wrapping_sub(to_stride.wrapping_mul(*length));
        }
        if is_over {
            return;
        }
    }
}

/// `row`: how many numbers, and how far apart in the source and in the result.
fn move_row(row: (i32, i32, i32), from: i32, to: i32, source: &[f32], result: &mut [f32]) {
    let (length, from_stride, to_stride) = row;
    let (mut from, mut to) = (from, to);
    for _ in 0..length {
        move_one(from, to, source, result);
        from = from.wrapping_add(from_stride);
        to = to.wrapping_add(to_stride);
    }
}

fn move_one(from: i32, to: i32, source: &[f32], result: &mut [f32]) {
    let number = usize::try_from(from).ok().and_then(|from| source.get(from));
    let place = usize::try_from(to).ok().and_then(|to| result.get_mut(to));
    if let (Some(number), Some(place)) = (number, place) {
        *place = *number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn numbers(n: usize) -> Vec<f32> {
        (0..n).map(|i| i as f32).collect()
    }

    #[test]
    fn transposed() {
        // numpy.arange(6).reshape(2, 3).T.ravel()
        let parameters = [2, 3, 2, 1, 3, 2, 1, 0, 0];
        let mut out = [0.0; 6];
        assert!(check(&parameters, 6, 6));
        copy(&parameters, &numbers(6), &mut out);
        assert_eq!(out, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    }

    #[test]
    fn backwards_with_steps_into_the_middle() {
        // numpy.arange(10)[8:1:-3] written at 1
        let parameters = [1, 3, -3, 1, 8, 1];
        let mut out = [9.0; 5];
        assert!(check(&parameters, 10, 5));
        copy(&parameters, &numbers(10), &mut out);
        assert_eq!(out, [9.0, 8.0, 5.0, 2.0, 9.0]);
    }

    #[test]
    fn repeated() {
        // numpy.broadcast_to(numpy.arange(2).reshape(2, 1), (2, 3)).ravel()
        let parameters = [2, 2, 3, 1, 0, 3, 1, 0, 0];
        let mut out = [9.0; 6];
        copy(&parameters, &numbers(2), &mut out);
        assert_eq!(out, [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn a_single_number() {
        let mut out = [0.0; 2];
        assert!(check(&[0, 3, 1], 4, 2));
        copy(&[0, 3, 1], &numbers(4), &mut out);
        assert_eq!(out, [0.0, 3.0]);
    }

    #[test]
    fn five_axes_in_another_order() {
        // numpy.arange(72).reshape(2, 3, 2, 1, 6).transpose(4, 2, 0, 3, 1).ravel()
        let parameters = [5, 6, 2, 2, 1, 3, 1, 6, 36, 6, 12, 12, 6, 3, 3, 1, 0, 0];
        let mut out = [0.0; 72];
        assert!(check(&parameters, 72, 72));
        copy(&parameters, &numbers(72), &mut out);
        let mut expected = Vec::new();
        for a in 0..6 {
            for b in 0..2 {
                for c in 0..2 {
                    for d in 0..3 {
                        expected.push((a + 6 * b + 36 * c + 12 * d) as f32);
                    }
                }
            }
        }
        assert_eq!(out[..], expected[..]);
    }

    #[test]
    fn places_outside_are_found() {
        for (parameters, holds) in [
            (&[1, 3, 1, 1, 0, 0][..], true),
            (&[1, 4, 1, 1, 0, 0], false),
            (&[1, 3, 2, 1, 0, 0], false),
            (&[1, 3, 1, 2, 0, 0], false),
            (&[1, 3, -1, 1, 1, 0], false),
            (&[1, 3, -1, 1, 2, 0], true),
            (&[1, 3, 1, 1, -1, 0], false),
            (&[1, 0, 1, 1, 0, 0], false),
            (&[1, 3, 1, 1, 0], false),
            (&[7, 3, 1, 1, 0, 0], false),
            (&[1, i32::MAX, i32::MAX, i32::MAX, 0, 0], false),
            (&[1, 4, 0, 0, 0, 0], false),
            (&[], false),
        ] {
            assert_eq!(check(parameters, 3, 3), holds, "{parameters:?}");
            // Whatever they say, copying by them does not panic.
            if !parameters.contains(&i32::MAX) {
                copy(parameters, &numbers(3), &mut [0.0; 3]);
            }
        }
    }
}
