using System;
using System.IO;
using System.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>
/// Marks one needed symbol version of a 64-bit ELF library as weak (VER_FLG_WEAK in its vernaux entry of .gnu.version_r),
/// so that the loader accepts a libstdc++ without that version. Layout: System V gABI and the LSB's symbol versioning.
/// Changes nothing else; running it again changes nothing.
/// </summary>
public sealed class WeakenVersionNeed : Task
{
    private const uint SectionTypeVersionNeed = 0x6ffffffe;
    private const ushort Weak = 0x2;

    [Required]
    public string Library { get; set; }

    [Required]
    public string Version { get; set; }

    public override bool Execute()
    {
        // The file may be a link into the package cache, which stays as it is: the changed copy takes the link's place.
        DateTime written = File.GetLastWriteTimeUtc(Library);
        byte[] elf = File.ReadAllBytes(Library);
        int flags;
        try
        {
            flags = FindFlags(elf);
        }
        catch (Exception exception) when (exception is InvalidDataException || exception is IndexOutOfRangeException || exception is ArgumentException || exception is OverflowException)
        {
            Log.LogError("{0} is not laid out as expected, so its need of {1} cannot be made weak: {2} Was TorchSharp updated?", Library, Version, exception.Message);
            return false;
        }
        if (flags < 0)
        {
            Log.LogMessage(MessageImportance.Low, "{0} does not need {1}.", Library, Version);
            return true;
        }
        if ((elf[flags] & Weak) != 0) return true;
        elf[flags] |= (byte)Weak;
        string changed = Library + ".weak";
        File.WriteAllBytes(changed, elf);
        File.Delete(Library);
        File.Move(changed, Library);
        // The original's time keeps the next build from copying the original over it.
        File.SetLastWriteTimeUtc(Library, written);
        return true;
    }

    /// <summary>Offset of the vernaux entry's flags, or -1 when the version is not needed.</summary>
    private int FindFlags(byte[] elf)
    {
        if (elf.Length < 64 || elf[0] != 0x7f || elf[1] != 'E' || elf[2] != 'L' || elf[3] != 'F' || elf[4] != 2 || elf[5] != 1)
            throw new InvalidDataException("no 64-bit little-endian ELF header.");
        int sections = checked((int)BitConverter.ToInt64(elf, 0x28));
        int sectionSize = BitConverter.ToUInt16(elf, 0x3a), sectionCount = BitConverter.ToUInt16(elf, 0x3c);
        for (int i = 0; i < sectionCount; i++)
        {
            int section = sections + i * sectionSize;
            if (BitConverter.ToUInt32(elf, section + 4) != SectionTypeVersionNeed) continue;
            int need = checked((int)BitConverter.ToInt64(elf, section + 0x18));
            int linked = sections + checked((int)BitConverter.ToUInt32(elf, section + 0x28)) * sectionSize;
            int names = checked((int)BitConverter.ToInt64(elf, linked + 0x18));
            return FindFlags(elf, need, names);
        }
        throw new InvalidDataException("no .gnu.version_r section.");
    }

    private int FindFlags(byte[] elf, int need, int names)
    {
        while (true)
        {
            int count = BitConverter.ToUInt16(elf, need + 2);
            int auxiliary = need + checked((int)BitConverter.ToUInt32(elf, need + 8));
            for (int i = 0; i < count; i++)
            {
                if (NameAt(elf, names + checked((int)BitConverter.ToUInt32(elf, auxiliary + 8))) == Version) return auxiliary + 4;
                auxiliary += checked((int)BitConverter.ToUInt32(elf, auxiliary + 12));
            }
            uint next = BitConverter.ToUInt32(elf, need + 12);
            if (next == 0) return -1;
            need += checked((int)next);
        }
    }

    private static string NameAt(byte[] elf, int start)
    {
        int end = Array.IndexOf(elf, (byte)0, start);
        return Encoding.ASCII.GetString(elf, start, end - start);
    }
}
