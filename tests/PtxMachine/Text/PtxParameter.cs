namespace HeadTap.PtxMachine;

/// <summary>A parameter of an entry.</summary>
/// <param name="Name">As the text has it.</param>
/// <param name="Offset">Bytes from the start of the entry's parameters.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Alignment">As declared.</param>
public readonly record struct PtxParameter(string Name, int Offset, int Size, int Alignment);
