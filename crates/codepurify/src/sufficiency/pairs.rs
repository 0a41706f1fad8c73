//! What the two sides of a pair show together. A trigger that stands in both is necessary in neither: where one is hidden, the
//! other still works. Nor does it stand out in references wherever honest code of the field pushes as hard as it does. But hide
//! what is strongest in both at once, and the answer is gone, while what is strongest in two honest sides hardly ever decides.

use super::{Draft, Drafts, Scales};
use crate::error::ModelError;
use crate::query::{Ask, Item, Spent, through};
use crate::score::{Answer, Without};
use crate::verdict::Side;

/// What is asked about a pair: what is left of its answer without the shortlist of the left side, of the right one and of both.
struct Hidden {
    answer: Answer,
    asks: [Ask; 3],
}

impl Hidden {
    fn items(&self) -> [(Item<'_>, &Answer); 3] {
        self.asks.each_ref().map(|ask| (ask.item(&self.answer), &self.answer))
    }
}

/// What came out, and what each question cost.
type Found = (Without, [Spent; 3]);

impl Scales<'_> {
    /// Raises the scores of the two sides of each pair by what they show together.
    pub(super) fn jointly<'a, 's>(&self, mut drafts: Drafts<'a, 's>) -> Drafts<'a, 's> {
        let (places, hidden): (Vec<[usize; 2]>, Vec<_>) =
            partners(&drafts).map(|[left, right]| ([left.0, right.0], self.hidden(left.1, right.1))).unzip();
        let found = through(hidden, |hidden| self.without_shortlists(&hidden));
        for (places, found) in places.into_iter().zip(found) {
            match found {
                Err(error) => places.into_iter().for_each(|place| drafts[place] = Err(error.clone())),
                Ok(found) => {
                    if let Ok([Ok(left), Ok(right)]) = drafts.get_disjoint_mut(places) {
                        join(left, right, found);
                    }
                }
            }
        }
        drafts
    }

    fn hidden(&self, left: &Draft<'_, '_>, right: &Draft<'_, '_>) -> Result<Hidden, ModelError> {
        let model = self.guarded.model();
        let [first, second] = [left, right].map(|draft| {
            let hidden = draft.inspection.without_all(model, &draft.shortlist)?;
            Ok((draft.inspection.rows.row(0).to_vec(), hidden))
        });
        let ((left_row, left_hidden), (right_row, right_hidden)) = (first?, second?);
        let asks =
            [(&left_hidden, right_row), (&left_row, right_hidden.clone()), (&left_hidden, right_hidden)];
        let asks = asks.map(|(row, beside)| Ask::beside(row, beside, Side::Left));
        Ok(Hidden { answer: left.scores.answer.clone(), asks })
    }

    fn without_shortlists(&self, hidden: &[Hidden]) -> Vec<Result<Found, ModelError>> {
        let items: Vec<_> = hidden.iter().flat_map(Hidden::items).collect();
        let mut margins = self.guarded.margins(&items).into_iter();
        let found = items.chunks(3).map(|items| {
            // All of its own are taken, also behind one that failed: the rest belongs to others.
            let [left, right, both] = [margins.next(), margins.next(), margins.next()];
            let given =
                |margin: Option<_>| margin.unwrap_or_else(|| Err(ModelError::Output("no answer".to_owned())));
            let without = Without { left: given(left)?, right: given(right)?, both: given(both)? };
            Ok((without, [0, 1, 2].map(|which| items[which].0.spent())))
        });
        found.collect()
    }
}

/// A draft and its place among all.
type Placed<'d, 'a, 's> = (usize, &'d Draft<'a, 's>);

/// The two sides of each pair both of which references have told something about. What lies behind a side's window has no
/// partner: the answer does not go by it.
fn partners<'d, 'a, 's>(drafts: &'d Drafts<'a, 's>) -> impl Iterator<Item = [Placed<'d, 'a, 's>; 2]> {
    let mut left = None;
    drafts.iter().enumerate().filter_map(move |(place, draft)| {
        let draft = draft.as_ref().ok().filter(|draft| draft.tried() && draft.inspection.is_first())?;
        let member = draft.inspection.seat.as_ref()?.member;
        if member.side == Side::Left {
            left = Some((member.index, (place, draft)));
            return None;
        }
        let (index, left) = left.take()?;
        (index == member.index).then_some([left, (place, draft)])
    })
}

fn join(left: &mut Draft<'_, '_>, right: &mut Draft<'_, '_>, (without, spent): Found) {
    let [of_left, of_right, of_both] = spent;
    left.scores.spent += of_left;
    right.scores.spent += of_right;
    left.scores.spent += of_both;
    if let (Some(left), Some(right)) = (&mut left.scores.dependence, &mut right.scores.dependence) {
        without.raise(left, right);
    }
}

impl Draft<'_, '_> {
    /// Whether there is a score that references gave.
    fn tried(&self) -> bool {
        self.scores.dependence.is_some() && !self.by_necessity
    }
}
