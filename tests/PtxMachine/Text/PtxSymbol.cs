namespace HeadTap.PtxMachine;

/// <summary>Shared or local memory that a text declares.</summary>
/// <param name="Name">As the text has it.</param>
/// <param name="Bytes">Its size; -1 where the launch says it.</param>
/// <param name="Alignment">As declared: what an access may count on.</param>
/// <param name="Local">True for memory of a thread.</param>
readonly record struct PtxSymbol(string Name, int Bytes, int Alignment, bool Local);
