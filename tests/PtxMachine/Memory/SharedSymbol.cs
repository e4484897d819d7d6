namespace HeadTap.PtxMachine;

/// <summary>Where a shared symbol lies in a launch.</summary>
/// <param name="Start">Offset in the block's memory.</param>
/// <param name="Bytes">Its size; of extern memory what the launch says.</param>
/// <param name="Alignment">As declared.</param>
readonly record struct SharedSymbol(int Start, int Bytes, int Alignment);
