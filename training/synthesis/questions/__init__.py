"""Multiple-choice questions from a graph, each with a proof that its answer is right and every other option wrong.

`generate.questions` draws them: a shape (`shapes/`) picks a part of the graph and asks for what it hides; `options`
chooses the distractors among those that a row of the graph refutes, so that no superficial rule finds the answer.
"""
