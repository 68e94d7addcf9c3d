"""The learner `centroid`: the class whose mean row is nearest."""
