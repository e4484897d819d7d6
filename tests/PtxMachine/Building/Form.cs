namespace HeadTap.PtxMachine;

/// <summary>
/// How an instruction with registers alone runs. The shape has a letter for each operand, the result first:
/// W 32 bits, L 64 bits, P a predicate, and I for a count that is a number of the text.
/// </summary>
/// <param name="Shape">The letters.</param>
/// <param name="Run">Address of the method.</param>
readonly record struct Form(string Shape, nint Run);
