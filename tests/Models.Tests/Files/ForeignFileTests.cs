using System.Text;

namespace HeadTap.Models.Tests;

/// <summary>Files that people have in the place of a model's are called by their name, with what to
/// do.</summary>
sealed class ForeignFileTests
{
    static readonly (string Word, string Todo, byte[] Start)[] Files =
    [
        ("git-lfs pointer", "git lfs pull",
            [.. "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146"u8]),
        ("HTML page", "fetch it again", [.. "\r\n<!DOCTYPE html>\n<html><head><title>404</title>"u8]),
        ("GGUF", "safetensors folder", [.. "GGUF"u8, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
        ("zip archive", "PyTorch", [.. "PK"u8, 3, 4, 0, 0, 8, 8, 0, 0, 0, 0, 0, 0]),
        ("pickle", "PyTorch", [0x80, 2, 0x7D, 0x71, 0, 0x28, 0x58, 3, 0, 0, 0]),
        ("llm.c", "export_hf.py", [.. BitConverter.GetBytes(20240326), 3, 0, 0, 0, 0, 4, 0, 0]),
    ];

    [TestCaseSource(nameof(Files))]
    public void Weights_config_and_vocabulary_are_called_by_their_name((string Word, string Todo,
        byte[] Start) file)
    {
        using var folder = new TemporaryFolder();
        ModelConfig.Tiny.Write(folder["config.json"]);
        folder.Write("model.safetensors", file.Start);
        BadInput.Refused(() => ModelFolder.Check(folder.Path), "model.safetensors", file.Word, file.Todo);
        File.Delete(folder["model.safetensors"]);
        folder.Write("ckpt.pt", file.Start);
        BadInput.Refused(() => ModelFolder.Check(folder.Path), "ckpt.pt", file.Word, file.Todo);
        File.Delete(folder["config.json"]);
        BadInput.Refused(() => ModelFolder.ReadConfig(folder.Path), "ckpt.pt", file.Word);
        BadInput.Refused(() => ModelFolder.ReadConfig(folder["ckpt.pt"]), file.Word, "model folder");
        folder.Write("config.json", file.Start);
        BadInput.Refused(() => ModelFolder.ReadConfig(folder.Path), "config.json", file.Word, file.Todo);
    }

    [Test]
    public void Other_files_are_not()
    {
        foreach (string text in (string[])["", "{", "hello", "version 1", "<no html>"])
            Assert.That(ForeignFile.Name(Encoding.UTF8.GetBytes(text)), Is.Null);
        Assert.That(ForeignFile.Name("nowhere/nothing"), Is.Null);
        using var folder = new TemporaryFolder();
        ModelConfig.Tiny.Write(folder["config.json"]);
        folder.Write("gpt2.safetensors", "");
        BadInput.Refused(() => ModelFolder.Check(folder.Path), "gpt2.safetensors",
            "the name model.safetensors");
    }
}
