"""How trees grow where the project file does not say it: on few rows several boosters of smaller, less exact trees.

What was measured, on folds of german_credit, diabetes and houses that no benchmark tests (1,000, 442 and 535 rows): the
mean of five boosters, each without a fold of the rows (Bühlmann and Yu 2002, Analyzing bagging), of trees that try a
random threshold each (Geurts, Ernst and Wehenkel 2006, Extremely randomized trees) in a random share of the columns,
has 0.789 of the area under the curve for 0.765 of one booster, an error of 45.6 for 48.0, and 148,000 for 173,000; on
17,379 rows of bike_sharing one of 24.3 for 25.4. On 41,188 rows of bank_marketing random thresholds lose 0.003, and the
mean of boosters gains 0.002; on 13,000 of these rows random thresholds lose 0.005 (0.791 for 0.796), where those of
bike_sharing's numbers still gain: so classes of more than a few thousand rows are told apart by exact thresholds.

Where numbers are answered with random thresholds, each booster learns from all rows, for the thresholds make them
differ enough; and classes that are read are split by sets and in their order, which are two ways to cut the same
column. On splits of the training rows alone the error is 23.6 for 24.4 on half of bike_sharing, 166,000 for 179,000 on
houses (twelve splits, standard error of the difference 2,100) and 44.3 for 44.7 on diabetes (0.4). Where classes are
answered both lose: 0.768 for 0.784 on german_credit. On bank_marketing classes in their order alone gain 0.003, on
german_credit they lose 0.07, so that a search decides.

Trees of 8 leaves answer few rows about as well as those of 16, with 0.6 of the nodes (0.7924 for 0.7921 of the area
under the curve in ten folds; an error of 45.0 for 44.8 in thirty, 0.4 % more, with a standard error of the difference
of 0.1; 149,400 for 148,400 in ten, with one of 800). Three boosters for five would save as much and lose more of the
last, 3,700; a split that has to gain more (LightGBM's `min_gain_to_split`) would save most, and loses on all three.

Forecasts are learned by one booster, for its intervals come from stretches of time that it is learned without; random
thresholds lessen its error, too: 50.6 for 53.4 on bike_sharing, 0.0402 for 0.0413 on the demand of electricity, on the
last fifth of the windows before those that a benchmark tests.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelwright.learners.trees.spec import TreesOptions

FEW_ROWS = 5_000  # training rows up to which leaves are small
RANDOM_ROWS = 20_000  # up to which thresholds of numbers are drawn at random; those of classes up to FEW_ROWS
MOST_BAGGED_ROWS = 50_000  # of more rows, one booster varies little
_BAGS = 5
_LEAVES_OF_FEW = 8
_SHARE = 0.7  # of the columns, that a tree of a bag looks at
_FEWEST_COLUMNS = 8  # of fewer, a tree would often lack one of two that matter together


@dataclass(frozen=True)
class Growth:
    """How the boosters of an output grow; what the options leave open follows from the number of training rows.

    bags: boosters whose mean is answered; leaves_out: whether each is learned without a fold of the rows;
    random_splits: whether each split tries one random threshold a column; share: of the columns, that a tree looks at.
    """

    bags: int
    leaves_out: bool
    random_splits: bool
    share: float
    leaves: int
    min_rows: int

    @classmethod
    def of(
        cls,
        options: TreesOptions,
        rows: int,
        columns: int,
        *,
        numbers: bool,
        bagged: bool = True,
        smeared: bool = False,
    ) -> Growth:
        """Return how they grow.

        numbers: whether they answer numbers, and not classes; bagged: False of what is learned in order of time, where
        one booster learns; smeared: whether a mean is made of logarithms, by what boosters answer to rows that they are
        learned without.
        """
        bags = options.bags or (_BAGS if rows <= MOST_BAGGED_ROWS else 1)
        if not bagged or rows < 2 * bags:
            bags = 1
        few = bags > 1 and rows <= FEW_ROWS
        random_splits = options.random_splits
        if random_splits is None:
            most_rows = RANDOM_ROWS if numbers else FEW_ROWS
            random_splits = (bags > 1 or not bagged) and rows <= most_rows
        several = bags > 1 or (random_splits and not bagged)
        return cls(
            bags=bags,
            leaves_out=bags > 1 and not (numbers and random_splits and not smeared),
            random_splits=random_splits,
            share=_SHARE if several and columns >= _FEWEST_COLUMNS else 1.0,
            leaves=options.leaves or (_LEAVES_OF_FEW if few else 31),
            min_rows=options.min_rows or (5 if random_splits and bagged else 20),
        )

    @property
    def is_drawn(self) -> bool:
        """Tell whether anything is drawn at random: then a booster goes on from no checkpoint, and begins again."""
        return self.random_splits or self.share < 1.0

    def params(self) -> dict[str, object]:
        """Return them as LightGBM's parameters."""
        found: dict[str, object] = {
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.min_rows,
            "min_data_per_group": self.min_rows,
        }
        if self.bags > 1:
            # classes are told apart by fewer rows: what one booster takes for a pattern, the others do not
            found |= {"cat_l2": 2.0, "cat_smooth": 2.0}
        if self.share < 1.0:
            found["feature_fraction"] = self.share
        if self.random_splits:
            found["extra_trees"] = True
        return found
