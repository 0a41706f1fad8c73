//! Representations of rows: the input of a victim's head.

use std::collections::HashMap;

use codepurify_attacks::data::report::Sample;

use super::{WhiteBox, WhiteBoxError, groups, in_row, spread};
use crate::train::workers::Workers;

impl WhiteBox {
    /// Returns one vector per row: the head's input (for a pair both, concatenated), or the mean of
    /// the encoder's states over the source's tokens.
    ///
    /// Texts that rows share are read once.
    ///
    /// # Errors
    /// [`WhiteBoxError`] if a row has another task, or the model fails or returns values that are
    /// not finite.
    pub fn representations<S: Sample>(
        &self,
        rows: &[S],
        workers: &Workers,
    ) -> Result<Vec<Vec<f32>>, WhiteBoxError> {
        let mut known: HashMap<&str, usize> = HashMap::new();
        let mut framed: Vec<Vec<u32>> = Vec::new();
        let mut places: Vec<Vec<usize>> = Vec::with_capacity(rows.len());
        for (at, row) in rows.iter().enumerate() {
            let (texts, wanted) = (row.texts(), self.body.snippets());
            if texts.len() != wanted {
                return in_row(at, Err(WhiteBoxError::Texts { found: texts.len(), wanted }));
            }
            let mut place = Vec::with_capacity(wanted);
            for text in texts {
                if !known.contains_key(text) {
                    known.insert(text, framed.len());
                    let encoding = in_row(at, self.encode(text).map_err(Into::into))?;
                    framed.push(self.reading.tokenizer.frame(&encoding.ids));
                }
                place.push(known[text]);
            }
            places.push(place);
        }
        let vectors = self.vectors(&framed, workers)?;
        Ok(places.iter().map(|places| places.iter().flat_map(|&at| vectors[at].clone()).collect()).collect())
    }

    /// Returns the vectors of framed texts.
    fn vectors(&self, framed: &[Vec<u32>], workers: &Workers) -> Result<Vec<Vec<f32>>, WhiteBoxError> {
        let lengths: Vec<usize> = framed.iter().map(Vec::len).collect();
        let groups = groups(&lengths);
        let found = spread(workers, groups.len(), |index| {
            let rows: Vec<Vec<u32>> = groups[index].iter().map(|&row| framed[row].clone()).collect();
            let vectors = self.body.vectors(&rows)?.to_vec2::<f32>()?;
            let finite = vectors.iter().flatten().all(|value| value.is_finite());
            if finite { Ok(vectors) } else { Err(WhiteBoxError::NotFinite) }
        })?;
        let mut vectors = vec![Vec::new(); framed.len()];
        for (&row, vector) in groups.iter().flatten().zip(found.into_iter().flatten()) {
            vectors[row] = vector;
        }
        Ok(vectors)
    }
}
