"""The stage `plan`: chooses the learner and turns the budget into steps."""
